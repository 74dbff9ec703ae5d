import { shared } from '../../vitest.shared.mts';
export default shared('zoo-import', import.meta.dirname);
