import { shared } from '../../vitest.shared.mts';
export default shared('data-fashion-mnist-siren', import.meta.dirname);
