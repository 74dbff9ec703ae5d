import { shared } from '../../vitest.shared.mts';
export default shared('generalization-prediction', import.meta.dirname);
