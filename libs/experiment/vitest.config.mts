import { shared } from '../../vitest.shared.mts';
export default shared('experiment', import.meta.dirname);
