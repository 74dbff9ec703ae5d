/** @file Architectures whose axes all differ in size. */
import { architectureSchema, defineArchitecture, siren } from '@weightspace/architecture';
import { RandomStream } from '@weightspace/compute';

export const small = siren({ sizes: [3, 5, 7, 4, 2], omega: 30, outputOffset: 0.5 });
export const stream = (label: string): RandomStream => RandomStream.fromSeed(5).split(label);

export const residualSpec = {
  schema: architectureSchema,
  name: 'residual',
  inputs: [{ name: 'x', size: 3 }],
  layers: [
    { name: 'stem', kind: 'linear', inputs: ['x'], output: 'h', size: 6, activation: 'tanh' },
    { name: 'branch', kind: 'linear', inputs: ['h'], output: 'b', size: 6, activation: { kind: 'sine', omega: 2 } },
    { name: 'sum', kind: 'add', inputs: ['h', 'b'], output: 's' },
    { name: 'head', kind: 'linear', inputs: ['s'], output: 'y', size: 2, bias: false },
  ],
  output: 'y',
};
export const residual = defineArchitecture(residualSpec);
