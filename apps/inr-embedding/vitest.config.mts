import { shared } from '../../vitest.shared.mts';
export default shared('inr-embedding', import.meta.dirname);
