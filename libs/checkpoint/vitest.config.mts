import { shared } from '../../vitest.shared.mts';
export default shared('checkpoint', import.meta.dirname);
