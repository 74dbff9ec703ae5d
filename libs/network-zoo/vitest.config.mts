import { shared } from '../../vitest.shared.mts';
export default shared('network-zoo', import.meta.dirname);
