import { shared } from '../../vitest.shared.mts';
export default shared('metanet', import.meta.dirname);
