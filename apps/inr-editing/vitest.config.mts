import { shared } from '../../vitest.shared.mts';
export default shared('inr-editing', import.meta.dirname);
