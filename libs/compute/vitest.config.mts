import { shared } from '../../vitest.shared.mts';
export default shared('compute', import.meta.dirname);
