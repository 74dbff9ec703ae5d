/** @file LSTM, GRU and RNN: each direction has its own neurons, and all gates share their order. */
import type { Label } from '@weightspace/architecture';

import type { OnnxNode } from '../graph.ts';
import type { AxisLabel, Labeller } from '../labeller.ts';
import type { Operator, OperatorTable } from './operator.ts';

interface Cell {
  readonly gates: number;
}

const recurrent =
  ({ gates }: Cell): Operator =>
  (labeller, node) => {
    const [input, w, r, bias, , initialH, initialC, peephole] = node.inputs as readonly (string | undefined)[];
    const { solver } = labeller;
    const [directions, , hidden] = labeller.shape(r!) as [number, number, number];
    const batchFirst = node.attributes.int('layout', 0) === 1;
    const x = labeller.get(input!);
    const direction = directions > 1 ? solver.leaf({ size: directions, kind: 'index', free: false }) : undefined;
    const neurons: Label = solver.space({
      name: `${w!}:1`,
      size: hidden,
      ...(direction !== undefined && { within: direction }),
    });
    const along: AxisLabel = direction === undefined ? undefined : [[direction]];
    const rows = (count: number): Label =>
      solver.merge([solver.space({ size: count, kind: 'gate', free: false }), neurons]);
    const state = (name: string | undefined) => {
      if (name) labeller.unifyAxes(labeller.get(name), stateAxes(along, batch, neurons, batchFirst));
    };
    const [time, batch] = batchFirst ? [x[1], x[0]] : [x[0], x[1]];
    labeller.freeze([time]);
    labeller.unifyAxes(labeller.get(w!), [along, rows(gates), x[2]]);
    labeller.unifyAxes(labeller.get(r!), [along, rows(gates), neurons]);
    if (bias) labeller.unifyAxes(labeller.get(bias), [along, rows(2 * gates)]);
    if (peephole) labeller.unifyAxes(labeller.get(peephole), [along, rows(gates - 1)]);
    labeller.remove(x, [2]);
    state(initialH);
    state(initialC);
    useAll(labeller, node, [w, r, bias, peephole]);
    putAll(labeller, node, time, along, batch, neurons, batchFirst);
  };

const stateAxes = (direction: AxisLabel, batch: AxisLabel, neurons: AxisLabel, batchFirst: boolean): AxisLabel[] =>
  batchFirst ? [batch, direction, neurons] : [direction, batch, neurons];

function useAll(labeller: Labeller, node: OnnxNode, [w, r, bias, peephole]: readonly (string | undefined)[]): void {
  labeller.use(w, node, 'weight', ['index', 'out', 'in']);
  labeller.use(r, node, 'weight', ['index', 'out', 'in']);
  if (bias) labeller.use(bias, node, 'bias', ['index', 'out']);
  if (peephole) labeller.use(peephole, node, 'scale', ['index', 'index']);
}

function putAll(
  labeller: Labeller,
  { outputs }: OnnxNode,
  time: AxisLabel,
  direction: AxisLabel,
  batch: AxisLabel,
  neurons: AxisLabel,
  batchFirst: boolean,
): void {
  const [all, ...last] = outputs;
  if (all) labeller.put(all, batchFirst ? [batch, time, direction, neurons] : [time, direction, batch, neurons]);
  for (const output of last) if (output) labeller.put(output, stateAxes(direction, batch, neurons, batchFirst));
}

export const recurrents: OperatorTable = {
  LSTM: recurrent({ gates: 4 }),
  GRU: recurrent({ gates: 3 }),
  RNN: recurrent({ gates: 1 }),
};
