import { shared } from '../../vitest.shared.mts';
export default shared('dataset', import.meta.dirname);
