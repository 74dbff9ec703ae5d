import { shared } from '../../vitest.shared.mts';
export default shared('data-sine-waves', import.meta.dirname);
