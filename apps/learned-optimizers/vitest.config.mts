import { shared } from '../../vitest.shared.mts';
export default shared('learned-optimizers', import.meta.dirname);
