import { shared } from '../../vitest.shared.mts';
export default shared('alignment', import.meta.dirname);
