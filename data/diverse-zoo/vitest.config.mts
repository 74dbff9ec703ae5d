import { shared } from '../../vitest.shared.mts';
export default shared('data-diverse-zoo', import.meta.dirname);
