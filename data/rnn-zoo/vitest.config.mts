import { shared } from '../../vitest.shared.mts';
export default shared('data-rnn-zoo', import.meta.dirname);
