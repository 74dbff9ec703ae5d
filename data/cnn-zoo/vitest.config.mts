import { shared } from '../../vitest.shared.mts';
export default shared('data-cnn-zoo', import.meta.dirname);
