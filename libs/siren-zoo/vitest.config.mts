import { shared } from '../../vitest.shared.mts';
export default shared('siren-zoo', import.meta.dirname);
