/** @file Architectures whose axes all differ in size, one for each symmetry. */
import { architectureSchema, defineArchitecture, initialize, mlp, siren } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { RandomStream } from '@weightspace/compute';
import type { NdArrays } from '@weightspace/compute';

export const sineNet = siren({ sizes: [3, 5, 7, 4, 2], omega: 30, outputOffset: 0.5 });
export const tanhNet = mlp({ sizes: [3, 5, 4, 2], activation: 'tanh' });
export const reluNet = mlp({ sizes: [3, 5, 4, 2], activation: 'relu' });
export const geluNet = mlp({ sizes: [3, 5, 4, 2], activation: 'gelu' });

/** x → h → h + tanh(W h) → y: the two hidden values share one space. */
export const residualNet = defineArchitecture({
  schema: architectureSchema,
  name: 'residual',
  inputs: [{ name: 'x', size: 3 }],
  layers: [
    { name: 'stem', kind: 'linear', inputs: ['x'], output: 'h', size: 6, activation: 'tanh' },
    { name: 'branch', kind: 'linear', inputs: ['h'], output: 'b', size: 6, activation: { kind: 'sine', omega: 2 } },
    { name: 'sum', kind: 'add', inputs: ['h', 'b'], output: 's' },
    { name: 'head', kind: 'linear', inputs: ['s'], output: 'y', size: 2 },
  ],
  output: 'y',
});

export const stream = (label: string): RandomStream => RandomStream.fromSeed(11).split(label);
export const networks = (architecture: Architecture, count: number): NdArrays =>
  initialize(architecture, stream('networks'), { count });
