import { convolutions } from './convolution.ts';
import { elementwise } from './elementwise.ts';
import { normalizations } from './normalization.ts';
import type { Operator, OperatorTable } from './operator.ts';
import { products } from './products.ts';
import { quantizations } from './quantization.ts';
import { recurrents } from './recurrent.ts';
import { reductionOperators } from './reduction.ts';
import { reshapes } from './reshape.ts';
import { selections } from './selection.ts';

const all: OperatorTable = {
  ...elementwise,
  ...products,
  ...convolutions,
  ...normalizations,
  ...reshapes,
  ...selections,
  ...reductionOperators,
  ...recurrents,
  ...quantizations,
};

/** How an operator is called in the tables: those of other domains with their domain. */
export const operatorName = (op: string, domain: string): string => (domain === '' ? op : `${domain}.${op}`);

export const operatorOf = (op: string, domain: string): Operator | undefined => {
  const name = operatorName(op, domain);
  return Object.hasOwn(all, name) ? all[name] : undefined;
};
