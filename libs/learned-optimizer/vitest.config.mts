import { shared } from '../../vitest.shared.mts';
export default shared('learned-optimizer', import.meta.dirname);
