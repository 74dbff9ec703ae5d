/** @file What is known of a network from its architecture alone, as columns of a zoo's rows: one line each. */
import type { Architecture } from '@weightspace/architecture';

/** A number, or a name. */
export type ArchitectureColumn = (architecture: Architecture) => number | string;

/** Layers with a matrix or a kernel of weights. */
const depthOf = ({ parameters }: Architecture): number =>
  new Set(parameters.filter(({ kind, shape }) => kind === 'weight' && shape.length > 1).map(({ layer }) => layer)).size;

/** The first that isn't the identity, of the values between input and output. */
function activationOf({ values, spec }: Architecture): string {
  const hidden = values.filter(({ layer, name }) => layer !== undefined && name !== spec.output);
  return hidden.find(({ activation }) => activation.kind !== 'identity')?.activation.kind ?? 'none';
}

export const architectureColumns: { readonly [name: string]: ArchitectureColumn } = {
  depth: depthOf,
  /** Neurons or channels of the widest hidden layer. */
  width: ({ spaces }) => Math.max(0, ...spaces.filter(({ free }) => free).map(({ size }) => size)),
  parameters: ({ parameterCount }) => parameterCount,
  activation: activationOf,
  architecture: ({ name }) => name,
};
