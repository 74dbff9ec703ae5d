import { shared } from '../../vitest.shared.mts';
export default shared('generators', import.meta.dirname);
