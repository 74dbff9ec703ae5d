/** @file A metanet on networks of one architecture, or of few: each step computes on blocks of one architecture at a time. */
import { mapValues, scalar } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream } from '@weightspace/compute';
import type { Metanet } from '@weightspace/metanet';

import { weightsOf } from '../zoo/load-rows.ts';
import type { Rows } from '../zoo/load-rows.ts';
import { compileGradients, compileOutputs, compileStep, compileUpdate } from './compiled.ts';
import type { Batch, Gradients, Outputs } from './compiled.ts';
import type { Learner, LearnerState, Objective, OptimizerSettings, StepInputs } from './learner.ts';
import { targetsOf } from './learner.ts';

const EVALUATION_BATCH = 64;

/** A step sees this many architectures at least, where there are as many. */
const MIXTURE = 4;

interface Source {
  readonly kind: string;
  readonly parameterCount: number;
  readonly initialize: (stream: RandomStream) => NdArrays;
  readonly measure: Learner['measure'];
  /** The metanet on the architecture of a group. */
  readonly on: (rows: Rows, group: number) => Metanet;
}

/** Rows that one function reads: a unit is a row, and the whole step is one graph. */
export function blockLearner(source: Source, objective: Objective, settings: OptimizerSettings): Learner {
  const parts = new Parts(source, objective);
  let step: ReturnType<typeof compileStep> | undefined;
  return {
    ...common(source, parts),
    units: (_, train, batch) => ({ units: train, batch: Math.min(batch, train.length) }),
    step: async (state, fixed, { rows, target, units, stream, rate }) => {
      const model = parts.model(rows, rows.groupOf[units[0]!]!);
      step ??= compileStep(source.kind, model.apply, objective, settings);
      const batch = batchOf(model, rows, target, units, stream);
      const done = (await step(state as never, fixed as never, batch as never, scalar(rate) as never)) as unknown as {
        readonly state: LearnerState;
        readonly loss: NdArray;
      };
      return { state: done.state, loss: done.loss.data[0]! };
    },
    release: async () => {
      await step?.release();
      await parts.release();
    },
  };
}

/**
 * Rows of several architectures: a unit is some rows of one architecture, drawn in the step; a step adds up the gradients of
 * several units. An epoch has as many units of each architecture as its rows fill, one at least.
 */
export function groupedLearner(
  source: Source,
  objective: Objective,
  settings: OptimizerSettings,
  architectures: number,
): Learner {
  const parts = new Parts(source, objective);
  const update = compileUpdate(source.kind, settings);
  const members = new Map<Int32Array, Map<number, Int32Array>>();
  let training: Map<number, Int32Array> = new Map();
  let size = 1;
  return {
    ...common(source, parts),
    units: (rows, train, batch) => {
      const together = Math.min(MIXTURE, architectures);
      size = Math.max(1, Math.round(batch / together));
      training = members.get(train) ?? byGroup(rows, train);
      members.set(train, training);
      const units = [...training].flatMap(([group, own]) =>
        Array<number>(Math.max(1, Math.round(own.length / size))).fill(group),
      );
      return { units: Int32Array.from(units), batch: Math.min(units.length, together) };
    },
    step: async (state, fixed, inputs) => {
      const { grads, loss } = await summedGradients(parts, { training, size }, state, fixed, inputs);
      const next = await update(grads as never, state as never, scalar(inputs.rate) as never);
      return { state: next as unknown as LearnerState, loss };
    },
    release: async () => {
      await update.release();
      await parts.release();
    },
  };
}

const common = ({ kind, parameterCount, initialize, measure }: Source, parts: Parts) => ({
  kind,
  parameterCount,
  initialize,
  measure,
  outputs: (params: NdArrays, fixed: NdArrays, rows: Rows, wanted: Int32Array) =>
    outputsOf(parts, params, fixed, rows, wanted),
});

/** What is compiled for each architecture. */
class Parts {
  readonly #source: Source;
  readonly #objective: Objective;
  readonly #models = new Map<string, Metanet>();
  readonly #gradients = new Map<string, Gradients>();
  readonly #outputs = new Map<string, Outputs>();

  constructor(source: Source, objective: Objective) {
    [this.#source, this.#objective] = [source, objective];
  }

  model(rows: Rows, group: number): Metanet {
    return this.#of(this.#models, rows, group, () => this.#source.on(rows, group));
  }

  gradients(rows: Rows, group: number): Gradients {
    const { kind } = this.#source;
    return this.#of(this.#gradients, rows, group, () =>
      compileGradients(kind, this.model(rows, group).apply, this.#objective),
    );
  }

  outputs(rows: Rows, group: number): Outputs {
    return this.#of(this.#outputs, rows, group, () => compileOutputs(this.#source.kind, this.model(rows, group).apply));
  }

  async release(): Promise<void> {
    for (const own of [...this.#gradients.values(), ...this.#outputs.values()]) await own.release();
  }

  #of<T>(known: Map<string, T>, rows: Rows, group: number, make: () => T): T {
    const { signature } = rows.groups[group]!.architecture;
    const found = known.get(signature) ?? make();
    known.set(signature, found);
    return found;
  }
}

const batchOf = (
  model: Metanet,
  rows: Rows,
  target: ArrayLike<number>,
  own: Int32Array,
  stream: RandomStream,
): Batch => ({
  networks: weightsOf(rows, own),
  noise: model.noise(own.length, stream.split('noise')),
  y: targetsOf(target, own),
});

function byGroup({ groupOf }: Rows, wanted: Int32Array): Map<number, Int32Array> {
  const found = new Map<number, number[]>();
  for (const row of wanted) {
    const known = found.get(groupOf[row]!);
    if (known) known.push(row);
    else found.set(groupOf[row]!, [row]);
  }
  return new Map([...found].map(([group, own]) => [group, Int32Array.from(own)]));
}

/** The mean over the units; float64 between them, so that their order is all that they depend on. */
async function summedGradients(
  parts: Parts,
  { training, size }: { readonly training: Map<number, Int32Array>; readonly size: number },
  state: LearnerState,
  fixed: NdArrays,
  { rows, target, units, stream }: StepInputs,
): Promise<{ readonly grads: NdArrays; readonly loss: number }> {
  const sums = mapValues(state.params, ({ data }) => new Float64Array(data.length));
  let total = 0;
  for (const [i, group] of units.entries()) {
    const own = stream.split(i);
    const chosen = draw(training.get(group)!, size, own.split('rows'));
    const batch = batchOf(parts.model(rows, group), rows, target, chosen, own);
    const compiled = parts.gradients(rows, group);
    const { grads, loss } = (await compiled(state.params as never, fixed as never, batch as never)) as unknown as {
      readonly grads: NdArrays;
      readonly loss: NdArray;
    };
    total += loss.data[0]! / units.length;
    for (const [name, sum] of Object.entries(sums)) {
      const { data } = grads[name]!;
      for (let j = 0; j < sum.length; j++) sum[j]! += data[j]! / units.length;
    }
  }
  const grads = mapValues(sums, (sum, name): NdArray => {
    return { dtype: 'float32', shape: state.params[name]!.shape, data: Float32Array.from(sum) };
  });
  return { grads, loss: total };
}

/** Different rows; where there are fewer, all of them again and again. */
function draw(rows: Int32Array, size: number, stream: RandomStream): Int32Array {
  const order = stream.permutation(rows.length);
  return Int32Array.from({ length: size }, (_, i) => rows[order[i % rows.length]!]!);
}

async function outputsOf(
  parts: Parts,
  params: NdArrays,
  fixed: NdArrays,
  rows: Rows,
  wanted: Int32Array,
): Promise<Float64Array> {
  const found = new Float64Array(wanted.length);
  const places = new Map(Array.from(wanted, (row, i) => [row, i]));
  for (const [group, own] of byGroup(rows, wanted)) {
    // One size, so that one graph serves; the last batch is filled up.
    const size = Math.min(EVALUATION_BATCH, 2 ** Math.ceil(Math.log2(own.length)));
    for (let from = 0; from < own.length; from += size) {
      const batch = Int32Array.from({ length: size }, (_, i) => own[Math.min(from + i, own.length - 1)]!);
      const call = parts.outputs(rows, group)(params as never, fixed as never, weightsOf(rows, batch) as never);
      const { data } = (await call) as unknown as NdArray;
      for (let i = 0; i < Math.min(size, own.length - from); i++) found[places.get(batch[i]!)!] = data[i]!;
    }
  }
  return found;
}
