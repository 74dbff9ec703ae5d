/** @file What is compiled for a stack of N networks of one architecture: a training step, and an evaluation. */
import { batchStatistics, forwardStacked } from '@weightspace/architecture';
import type { Architecture, ForwardOptions } from '@weightspace/architecture';
import { compile, tf, valueAndGrads } from '@weightspace/compute';
import type { Compiled, Tensor, Tensors } from '@weightspace/compute';

import { Dropout } from './dropout.ts';
import { apart, layoutOf, together } from './flat-layout.ts';
import type { FlatLayout } from './flat-layout.ts';
import { columns, updateStack } from './optimizer-coefficients.ts';
import type { Column, FlatState } from './optimizer-coefficients.ts';

/** What a step reads besides the state. */
export interface StepInput {
  /** Shape `[B, N, …positions, channels]`: convolutions want it so. */
  readonly inputs: Tensor;
  /** Classes `[N, B, …]`, or targets `[N, B, …, outputs]`. */
  readonly answers: Tensor;
  /** A row of `columns` for each network; shape `[N, columns]`. */
  readonly settings: Tensor;
  /** 1 − dropout; shape `[N]`. */
  readonly stay: Tensor;
  /** Of dropout's pools; empty without dropout. */
  readonly rows: Tensors;
}
/** What is the same in all steps. */
export interface StepConstants {
  readonly pools: Tensors;
  readonly decayed: Tensor;
  readonly statistic: Tensor;
}
export interface Scores {
  /** Sums over the examples; shape `[N]`. */
  readonly loss: Tensor;
  readonly correct: Tensor;
}

export interface StackFunctions {
  readonly layout: FlatLayout;
  readonly dropout: Dropout;
  readonly step: Compiled<[FlatState, StepInput, StepConstants], FlatState>;
  /** Parameters `[N, F]`, inputs `[P, …]`, answers `[P, …]`, and 1 or 0 for each example that counts or doesn't. */
  readonly score: Compiled<[Tensor, Tensor, Tensor, Tensor], Scores>;
  readonly release: () => Promise<void>;
}

export interface StackOptions {
  readonly classifies: boolean;
  readonly clips: boolean;
  readonly threads: number;
}

/** Share by which running statistics follow those of a batch, as PyTorch's. */
const FOLLOW = 0.1;

export function stackFunctions(
  architecture: Architecture,
  { classifies, clips, threads }: StackOptions,
): StackFunctions {
  const layout = layoutOf(architecture);
  const dropout = new Dropout(architecture);
  const losses = classifies ? crossEntropies : squaredErrors;

  function trainStep(state: FlatState, input: StepInput, constants: StepConstants): FlatState {
    const { answers, settings, stay, rows } = input;
    const inputs = tf.transpose(input.inputs, [1, 0, ...input.inputs.shape.slice(2).map((_, i) => i + 2)]);
    const { pools, decayed, statistic } = constants;
    const options: ForwardOptions = {
      training: true,
      ...(Object.keys(rows).length === 0
        ? {}
        : { after: (value, layer) => dropout.apply(value, layer, rows, pools, stay) }),
    };
    // The sum over networks: each network's gradient is that of its own loss.
    const { grads } = valueAndGrads(
      ({ p }) => tf.sum(losses(forwardStacked(architecture, apart(p!, layout), inputs, options), answers)),
      { p: state.p },
    );
    const all = tf.split(settings, columns.length, 1);
    const column = (name: Column) => all[columns.indexOf(name)]!;
    const next = updateStack(state, grads['p']!, column, decayed, clips);
    if (!layout.hasStatistics) return next;
    const batch = together(
      batchStatistics(architecture, apart(state.p, layout), inputs, options),
      layout,
      inputs.shape[0]!,
    );
    const share = tf.mul(tf.mul(statistic, column('active')), FOLLOW);
    return { ...next, p: tf.add(next.p, tf.mul(share, tf.sub(batch, state.p))) };
  }

  function scores(p: Tensor, inputs: Tensor, answers: Tensor, counts_p: Tensor): Scores {
    const outputs = forwardStacked(architecture, apart(p, layout), inputs);
    const own = tf.expandDims(answers, 0);
    const weight = tf.expandDims(counts_p, 0);
    const sum = (each_np: Tensor) => tf.sum(tf.mul(each_np, weight), 1) as Tensor;
    const loss = sum(perExample(classifies ? entropyOf(outputs, own) : errorOf(outputs, own)));
    const hits = classifies ? tf.cast(tf.equal(tf.argMax(outputs, -1), own), 'float32') : tf.zerosLike(outputs);
    return { loss, correct: sum(perExample(hits)) };
  }

  const name = `${architecture.name}`;
  const step = compile(trainStep, { threads, recycle: true, name: `train ${name}` });
  const score = compile(scores, { threads, name: `evaluate ${name}` });
  const release = async () => void (await Promise.all([step.release(), score.release()]));
  return { layout, dropout, step, score, release };
}

/** `[N, P, …]` → `[N, P]`: means over what an example has many of. */
function perExample(x: Tensor): Tensor {
  if (x.rank === 2) return x;
  const [N, P] = x.shape as [number, number];
  return tf.mean(tf.reshape(x, [N, P, x.size / (N * P)]), 2);
}

/** Negative logarithms of the classes' probabilities. @param outputs logits `[N, P, …, O]` @param labels `[N or 1, P, …]` */
function entropyOf(outputs: Tensor, labels: Tensor): Tensor {
  const right = tf.oneHot(labels, outputs.shape.at(-1)!);
  return tf.neg(tf.sum(tf.mul(tf.logSoftmax(outputs), tf.cast(right, 'float32')), -1));
}

const errorOf = (outputs: Tensor, targets: Tensor): Tensor => tf.square(tf.sub(outputs, targets));

/** Mean losses of each network; shape `[N]`. */
const crossEntropies = (outputs: Tensor, labels: Tensor): Tensor => tf.mean(perExample(entropyOf(outputs, labels)), 1);
const squaredErrors = (outputs: Tensor, targets: Tensor): Tensor => tf.mean(perExample(errorOf(outputs, targets)), 1);
