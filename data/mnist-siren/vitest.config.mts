import { shared } from '../../vitest.shared.mts';
export default shared('data-mnist-siren', import.meta.dirname);
