import { shared } from '../../vitest.shared.mts';
export default shared('tracking', import.meta.dirname);
