/** @file Which values a network computes from which: what residual edges and norms need beyond the labels. */
import type { ActivationSpec, Architecture } from '@weightspace/architecture';

import type { GraphNetwork } from '../network.ts';

export interface FlowValue {
  readonly name: string;
  /** The label of its channels. */
  readonly label: string;
  readonly activation: ActivationSpec;
  readonly role: 'input' | 'hidden' | 'output';
}

export interface FlowLayer {
  readonly name: string;
  readonly kind: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** Parameters of earlier layers that it uses too. */
  readonly tied?: readonly { readonly parameter: string; readonly transposed: boolean }[];
}

export interface Dataflow {
  readonly values: readonly FlowValue[];
  readonly layers: readonly FlowLayer[];
}

const isArchitecture = (network: GraphNetwork): network is Architecture & GraphNetwork =>
  'spec' in network && 'values' in network;

/** What the network itself says, or that of an architecture; undefined where only labels are known. */
export function dataflowOf(network: GraphNetwork): Dataflow | undefined {
  if (network.dataflow !== undefined) return network.dataflow;
  if (!isArchitecture(network)) return undefined;
  const { spec, values } = network;
  return {
    values: values.map(({ name, space, activation, layer }) => ({
      name,
      label: space,
      activation,
      role: name === spec.output ? 'output' : layer === undefined ? 'input' : 'hidden',
    })),
    layers: spec.layers.map(({ name, kind, inputs, output, tied = {} }) => {
      return { name, kind, inputs, output, tied: Object.values(tied) };
    }),
  };
}
