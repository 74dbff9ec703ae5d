import { shared } from '../../vitest.shared.mts';
export default shared('symmetry', import.meta.dirname);
