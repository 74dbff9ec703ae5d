/** @file The per-parameter MLP that also sees what Adam and Adafactor see. */
import { mapValues, ndarray, tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

import { checkWhole } from '../kinds.ts';
import { factoredAxes } from './factored.ts';
import { learnedStep, normalizers, timeFeatures, TIME_FEATURES } from './features.ts';
import type { LearnedOptimizer, OptimizerKind } from './learned-optimizer.ts';
import { networksIn, perNetwork } from './per-network.ts';
import { laterLayers, layerOf, pointMlpParameters, restOfPointMlp, withOnes } from './point-mlp.ts';

const MOMENTUM = [0.9, 0.99, 0.999];
const SECOND = [0.999];
const FACTORED = [0.9, 0.99, 0.999];

/** Elements have these features of their own: g, p, 3 momenta, v, 3 m/√v, 1/√v, 3 factored g, 3 factored m. */
const OWN = 16;
/** Rows have 3 moments and 3 of their inverse roots; so have columns. */
const LINE = 6;

const settings = { width: 4, hiddenLayers: 2 };

/**
 * A small MLP for each element of each parameter, which sees 39 features: gradient, parameter, momenta m with three decays, second
 * moment v, m/√v, 1/√v, g and m by Adafactor's moments with three decays, these moments of its row and of its column and their
 * inverse roots, each divided by its root mean square over the tensor, and 11 functions of time. Its decays are learned.
 *
 *     β = 1 − (1−β₀) exp(10 · meta),   (d, m) = MLP(features),   p ← p − d · exp(1e-3 · m) · 1e-3
 *
 * Order of the first layer's inputs: the element's own, those of its row, those of its column, time. State: `m.<parameter>` `[N, 3, …shape]`, `v.<parameter>`
 * `[N, …shape]`, and `rows.<parameter>`, `columns.<parameter>` `[N, 3, …]` with size 1 along the other axis; parameters of one axis have
 * `rows` alone, whole, which stand for columns too.
 *
 * Symmetry: equivariant to any order along each axis.
 * Source: Metz et al. 2022, arXiv:2203.11860; learned_optimization's `AdafacMLPLOpt`. Departs: the order of features.
 */
export const adafacMlpLopt: OptimizerKind<typeof settings> = {
  kind: 'adafac-mlp-lopt',
  source: "Metz et al. 2022, arXiv:2203.11860; learned_optimization's AdafacMLPLOpt",
  settings,
  create: (_, chosen): LearnedOptimizer => {
    const { width, hiddenLayers } = chosen;
    checkWhole('adafac-mlp-lopt', 'width', width);
    checkWhole('adafac-mlp-lopt', 'hiddenLayers', hiddenLayers);
    const sizes = [OWN + 2 * LINE + TIME_FEATURES, ...Array<number>(hiddenLayers).fill(width), 2];
    const decays = { momentum: MOMENTUM, second: SECOND, factored: FACTORED };
    return {
      kind: 'adafac-mlp-lopt',
      settings: chosen,
      metaParameterCount: 7 + sizes.slice(1).reduce((sum, out, i) => sum + out * (sizes[i]! + 1), 0),
      initialize: (stream) => ({
        ...pointMlpParameters(sizes, stream),
        ...Object.fromEntries(
          Object.entries(decays).map(([name, list]) => [
            `decays.${name}`,
            ndarray(
              list.map(() => 0),
              [list.length],
            ),
          ]),
        ),
      }),
      start: startOf,
      update: (meta, state, params, grads, { step }) => {
        const count = networksIn(params);
        const network = prepared(meta, hiddenLayers + 1, count, step);
        const decay = (name: keyof Decays) => decaysOf(meta[`decays.${name}`]!, decays[name], count);
        const learned = { momentum: decay('momentum'), second: decay('second'), factored: decay('factored') };
        const next: Record<string, Tensor> = {};
        const moved = mapValues(params, (p, name) => {
          const old = Object.fromEntries(SLOTS.map((slot) => [slot, state[`${slot}.${name}`]!]));
          const seen = accumulate(old, grads[name]!, learned);
          for (const slot of SLOTS) if (seen[slot]) next[`${slot}.${name}`] = seen[slot];
          return tf.sub(p, stepOf(network, p, grads[name]!, seen));
        });
        return { params: moved, state: mapValues(state, (_, key) => next[key]!) };
      },
    };
  },
};

const SLOTS = ['m', 'v', 'rows', 'columns'] as const;

function startOf(params: Tensors): Tensors {
  const slots = Object.entries(params).flatMap(([name, p]) => {
    const [N, ...own] = p.shape as [number, ...number[]];
    const axes = factoredAxes(p.shape);
    const without = (axis: number) => own.map((size, i) => (i + 1 === axis ? 1 : size));
    return [
      [`m.${name}`, tf.zeros([N, MOMENTUM.length, ...own])],
      [`v.${name}`, tf.zeros([N, ...own])],
      [`rows.${name}`, tf.zeros([N, FACTORED.length, ...(axes ? without(axes.column) : own)])],
      ...(axes ? [[`columns.${name}`, tf.zeros([N, FACTORED.length, ...without(axes.row)])] as const] : []),
    ] as const;
  });
  return Object.fromEntries(slots);
}

/** 1 − (1−β₀) exp(10 · meta). @returns shape `[N, D]` */
const decaysOf = (meta: Tensor, initial: readonly number[], count: number): Tensor =>
  tf.sub(1, tf.mul(tf.exp(tf.mul(perNetwork(meta, count), 10)), tf.tensor2d([initial.map((decay) => 1 - decay)])));

interface Decays {
  readonly momentum: Tensor;
  readonly second: Tensor;
  readonly factored: Tensor;
}
/** What is remembered of one parameter. */
interface Moments {
  readonly m: Tensor;
  readonly v: Tensor;
  readonly rows: Tensor;
  readonly columns: Tensor | undefined;
}

const EPSILON = 1e-9;

function accumulate(old: Tensors, g: Tensor, { momentum, second, factored }: Decays): Moments {
  const axes = factoredAxes(g.shape);
  const square = tf.square(g);
  const along = (decays_nd: Tensor): Tensor =>
    tf.reshape(decays_nd, [...decays_nd.shape, ...Array<number>(g.rank - 1).fill(1)]);
  const follow = (memory: Tensor, value: Tensor, decays_nd: Tensor): Tensor => {
    const decays = along(decays_nd);
    return tf.add(tf.mul(memory, decays), tf.mul(tf.expandDims(value, 1), tf.sub(1, decays)));
  };
  const raised = axes ? tf.add(square, EPSILON) : square;
  return {
    m: follow(old['m']!, g, momentum),
    v: tf.squeeze(follow(tf.expandDims(old['v']!, 1), square, second), [1]),
    rows: follow(old['rows']!, axes ? tf.mean(raised, axes.column, true) : raised, factored),
    columns: axes ? follow(old['columns']!, tf.mean(raised, axes.row, true), factored) : undefined,
  };
}

/** What all parameters share: the first layer's matrices by what they read, `[N, H, …]`, and the layers behind it. */
interface Prepared {
  readonly own: Tensor;
  readonly row: Tensor;
  readonly column: Tensor;
  readonly bias: Tensor;
  readonly later: readonly Tensor[];
}

function prepared(meta: Tensors, depth: number, count: number, step: Tensor): Prepared {
  const [weight, bias] = layerOf(meta, 1, count);
  const parts = tf.split(weight, [OWN, LINE, LINE, TIME_FEATURES], 2) as [Tensor, Tensor, Tensor, Tensor];
  const now = tf.squeeze(tf.matMul(parts[3], tf.expandDims(timeFeatures(step), 2)), [2]);
  const later = laterLayers(meta, depth, count);
  return { own: parts[0], row: parts[1], column: parts[2], bias: tf.add(bias, now), later };
}

const inverseRoot = (x: Tensor, floor: number): Tensor => tf.rsqrt(tf.add(x, floor));

/** @returns by how much the elements move; shaped as p */
function stepOf(network: Prepared, p: Tensor, g: Tensor, { m, v, rows, columns }: Moments): Tensor {
  const axes = factoredAxes(p.shape);
  const inverse = tf.expandDims(inverseRoot(v, 1e-6), 1);
  const factor = axes && columns ? factoredFactor(rows, columns, axes.row + 1) : inverseRoot(rows, EPSILON);
  const single = (x: Tensor) => tf.expandDims(x, 1);
  const own = flattened(
    tf.concat(
      [single(g), single(p), m, single(v), tf.mul(m, inverse), inverse, tf.mul(single(g), factor), tf.mul(m, factor)],
      1,
    ),
  );
  const [N, , P] = own.shape as [number, number, number];
  const lines = (x: Tensor): Tensor => tf.concat([x, inverseRoot(x, 1e-8)], 1);
  const scaled = (weight: Tensor, x: Tensor): Tensor => tf.mul(weight, single(normalizers(x)));
  const first = (weights: readonly Tensor[], xs: readonly Tensor[]): Tensor =>
    tf.matMul(
      withOnes(
        tf.concat(
          weights.map((w, i) => scaled(w, xs[i]!)),
          2,
        ),
        network.bias,
      ),
      tf.concat([...xs, tf.ones([N, 1, P])], 1),
    );
  const finish = (hidden_nhp: Tensor): Tensor => {
    const [direction, magnitude] = tf.unstack(restOfPointMlp(hidden_nhp, network.later), 1) as [Tensor, Tensor];
    return tf.reshape(learnedStep(direction, magnitude), p.shape);
  };
  if (!columns) {
    const whole = flattened(lines(rows));
    return finish(first([network.own, network.row, network.column], [own, whole, whole]));
  }
  const hidden = first([network.own], [own]);
  const H = hidden.shape[1]!;
  const part = (weight: Tensor, moments: Tensor): Tensor => {
    const seen = lines(moments);
    const y = tf.matMul(padded(scaled(weight, flattened(seen))), flattened(seen));
    return tf.reshape(y, [N, H, ...moments.shape.slice(2)]);
  };
  const spread = tf.add(part(network.row, rows), part(network.column, columns));
  return finish(tf.add(hidden, tf.reshape(spread, hidden.shape)));
}

/** 1/√V of Adafactor's V = rows · columns / mean(rows). @param axis of the rows, behind N and the decays */
function factoredFactor(rows: Tensor, columns: Tensor, axis: number): Tensor {
  const relative = tf.div(rows, tf.add(tf.mean(rows, axis, true), EPSILON));
  const root = (x: Tensor): Tensor => tf.rsqrt(tf.maximum(x, EPSILON));
  return tf.mul(root(relative), root(columns));
}

/** `[N, C, …]` → `[N, C, P]` */
const flattened = (x: Tensor): Tensor =>
  tf.reshape(x, [x.shape[0]!, x.shape[1]!, x.size / (x.shape[0]! * x.shape[1]!)]);

/** A row of zeros below the matrix: nothing is added to the channel of ones. */
const padded = (weight_nhc: Tensor): Tensor => {
  const [N, , C] = weight_nhc.shape as [number, number, number];
  return tf.concat([weight_nhc, tf.zeros([N, 1, C])], 1);
};
