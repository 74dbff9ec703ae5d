import { shared } from '../../vitest.shared.mts';
export default shared('data-cnn-park', import.meta.dirname);
