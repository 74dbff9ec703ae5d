import { shared } from '../../vitest.shared.mts';
export default shared('command-line', import.meta.dirname);
