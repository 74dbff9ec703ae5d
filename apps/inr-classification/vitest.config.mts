import { shared } from '../../vitest.shared.mts';
export default shared('inr-classification', import.meta.dirname);
