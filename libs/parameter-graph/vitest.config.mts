import { shared } from '../../vitest.shared.mts';
export default shared('parameter-graph', import.meta.dirname);
