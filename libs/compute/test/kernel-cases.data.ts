/** @file One case per kernel (and per way of using it): a function, its arguments, and whether its gradient is compared too. */
import { RandomStream, tf } from '@weightspace/compute';
import type { NdArray, Tensor } from '@weightspace/compute';

export interface KernelCase {
  readonly name: string;
  readonly f: (...xs: never[]) => Tensor | Tensor[];
  readonly args: readonly NdArray[];
  /** Compares gradients for the float arguments as well. */
  readonly gradient: boolean;
}

const stream = RandomStream.fromSeed(11);
let drawn = 0;
const real = (shape: number[], low = -2, high = 2): NdArray => stream.split(drawn++).uniform(shape, low, high);
const whole = (shape: number[], low: number, high: number): NdArray => {
  const values = stream.split(drawn++).uniform(shape, low, high);
  return { dtype: 'int32', shape, data: Int32Array.from(values.data, Math.floor) };
};
const flags = (shape: number[]): NdArray => ({
  dtype: 'bool',
  shape,
  data: Uint8Array.from(stream.split(drawn++).bernoulli(shape, 0.5).data),
});
const odd = (values: number[]): NdArray => ({
  dtype: 'float32',
  shape: [values.length],
  data: Float32Array.from(values),
});

type F1 = (x: Tensor) => Tensor;
type F2 = (x: Tensor, y: Tensor) => Tensor;
const of = (name: string, f: unknown, args: readonly NdArray[], gradient = true): KernelCase => ({
  name,
  f: f as never,
  args,
  gradient,
});
const awkward = odd([0, 1, -1, 100, -100, 1e-6, -1e-6, 0.5, 1.5, 2.5, -0.5]);

const unary: readonly (readonly [string, F1, number?, number?])[] = [
  ['abs', tf.abs],
  ['acos', tf.acos, -0.9, 0.9],
  ['acosh', tf.acosh, 1.1, 3],
  ['asin', tf.asin, -0.9, 0.9],
  ['asinh', tf.asinh],
  ['atan', tf.atan],
  ['atanh', tf.atanh, -0.9, 0.9],
  ['cos', tf.cos],
  ['cosh', tf.cosh],
  ['elu', tf.elu],
  ['erf', tf.erf],
  ['exp', tf.exp],
  ['expm1', tf.expm1],
  ['leakyRelu', (x) => tf.leakyRelu(x, 0.3)],
  ['log', tf.log, 0.1, 3],
  ['log1p', tf.log1p, -0.9, 3],
  ['neg', tf.neg],
  ['reciprocal', tf.reciprocal, 0.3, 2],
  ['relu', tf.relu],
  ['relu6', (x) => tf.relu6(tf.mul(x, 5))],
  ['rsqrt', tf.rsqrt, 0.2, 3],
  ['selu', tf.selu],
  ['sigmoid', tf.sigmoid],
  ['sin', tf.sin],
  ['sinh', tf.sinh],
  ['softplus', tf.softplus],
  ['sqrt', tf.sqrt, 0.2, 3],
  ['square', tf.square],
  ['tan', tf.tan, -1, 1],
  ['tanh', tf.tanh],
  ['clipByValue', (x) => tf.clipByValue(x, -0.7, 0.9)],
  ['step', (x) => tf.step(x, 0.2)],
  ['gelu', (x) => tf.mul(tf.mul(x, 0.5), tf.add(1, tf.erf(tf.div(x, Math.SQRT2))))],
];
const binary: readonly (readonly [string, F2])[] = [
  ['add', tf.add],
  ['sub', tf.sub],
  ['mul', tf.mul],
  ['div', (a, b) => tf.div(a, tf.add(tf.square(b), 0.5))],
  ['maximum', tf.maximum],
  ['minimum', tf.minimum],
  ['pow', (a, b) => tf.pow(tf.add(tf.square(a), 0.5), b)],
  ['squaredDifference', tf.squaredDifference],
  ['atan2', tf.atan2],
];
const compared: readonly (readonly [string, F2])[] = [
  ['equal', tf.equal],
  ['notEqual', tf.notEqual],
  ['greater', tf.greater],
  ['greaterEqual', tf.greaterEqual],
  ['less', tf.less],
  ['lessEqual', tf.lessEqual],
];
const broadcasts: readonly (readonly [number[], number[]])[] = [
  [
    [3, 5],
    [3, 5],
  ],
  [[3, 5], [5]],
  [
    [4, 1, 5],
    [3, 1],
  ],
  [[2, 3], []],
];

const elementwiseCases: KernelCase[] = [
  ...unary.map(([name, f, low, high]) => of(name, f, [real([3, 5], low, high)])),
  ...unary
    .filter(([, , low]) => low === undefined)
    .filter(([name]) => !['tan', 'exp', 'expm1', 'cosh', 'sinh', 'gelu'].includes(name))
    .map(([name, f]) => of(`${name} at 0, ±1, ±100, tiny`, f, [awkward], false)),
  ...[tf.ceil, tf.floor, tf.round, tf.sign, tf.isNaN, tf.isInf, tf.isFinite].map((f) =>
    of(
      f.name || 'rounding',
      f,
      [odd([-2.5, -0.5, 0, 0.5, 1.5, 2.5, 3.2, NaN, Infinity, -Infinity].slice(0, 7))],
      false,
    ),
  ),
  ...[tf.isNaN, tf.isInf, tf.isFinite].map((f, i) =>
    of(`test ${i} of NaN and infinities`, f, [odd([NaN, Infinity, -Infinity, 1])], false),
  ),
  ...binary.flatMap(([name, f]) => broadcasts.map(([a, b]) => of(`${name} [${a}] [${b}]`, f, [real(a), real(b)]))),
  ...compared.flatMap(([name, f]) => [
    of(name, f, [whole([4, 3], 0, 3), whole([3], 0, 3)], false),
    of(`${name} of booleans`, f, [flags([4, 3]), flags([4, 3])], false),
  ]),
  of('mod', tf.mod, [real([4, 5], -7, 7), real([5], 1, 3)], false),
  of('mod by negatives', tf.mod, [real([4, 5], -7, 7), real([5], -3, -1)], false),
  of('mod of integers', tf.mod, [whole([4, 5], -9, 9), whole([5], 1, 4)], false),
  of('floorDiv', tf.floorDiv, [whole([4, 5], -9, 9), whole([5], 1, 4)], false),
  of('floorDiv by negatives', tf.floorDiv, [whole([4, 5], -9, 9), whole([5], -4, -1)], false),
  of('addN', (...xs: Tensor[]) => tf.addN(xs), [real([2, 3]), real([2, 3]), real([2, 3])]),
  of('prelu', (x: Tensor, a: Tensor) => tf.prelu(x, a), [real([3, 4]), real([4], 0.1, 0.5)]),
  of(
    'logical',
    (a: Tensor, b: Tensor) => tf.logicalXor(tf.logicalAnd(a, b), tf.logicalOr(a, tf.logicalNot(b))),
    [flags([3, 4]), flags([4])],
    false,
  ),
  of('where', (c: Tensor, a: Tensor, b: Tensor) => tf.where(c, a, b), [flags([3, 4]), real([3, 4]), real([3, 4])]),
  of(
    'where by columns',
    (c: Tensor, a: Tensor, b: Tensor) => tf.where(c, a, b),
    [flags([4]), real([3, 4]), real([3, 4])],
    false,
  ),
  of(
    'cast',
    (x: Tensor) => tf.stack([tf.cast(tf.cast(x, 'int32'), 'float32'), tf.cast(tf.cast(x, 'bool'), 'float32')]),
    [real([3, 4], -3, 3)],
    false,
  ),
  of(
    'sums of constants',
    (x: Tensor) => tf.add(tf.mul(x, tf.ones([3, 4])), tf.add(tf.zeros([3, 4]), tf.mul(tf.fill([4], 2), 3))),
    [real([3, 4])],
  ),
];

const reductions: readonly (readonly [
  string,
  (x: Tensor, axis?: number | number[], keep?: boolean) => Tensor,
  boolean,
])[] = [
  ['sum', tf.sum, true],
  ['mean', tf.mean, true],
  ['max', tf.max, true],
  ['min', tf.min, true],
  ['prod', tf.prod, true],
  ['std', (x, axis, keep) => tf.sqrt(tf.moments(x, axis, keep).variance), true],
  ['logSumExp', tf.logSumExp, true],
  ['norm', (x, axis, keep) => tf.norm(x, 'euclidean', axis, keep), true],
];
const reductionCases: KernelCase[] = [
  ...reductions.flatMap(([name, f, gradient]) => [
    of(`${name} of all`, (x: Tensor) => f(x), [real([3, 4, 2])], gradient),
    of(`${name} over 1`, (x: Tensor) => f(x, 1), [real([3, 4, 2])], gradient),
    of(`${name} over 0 and 2, kept`, (x: Tensor) => f(x, [0, 2], true), [real([3, 4, 2])], gradient),
    of(
      `${name} over a size of 1`,
      (x: Tensor) => f(x, 1),
      [real([3, 1, 2])],
      gradient && name !== 'std' && name !== 'norm',
    ),
  ]),
  of('sum of integers', (x: Tensor) => tf.sum(x, 0), [whole([3, 4], -5, 5)], false),
  of(
    'sums and means over the first axes and later ones',
    (x: Tensor) => [tf.sum(x, [0, 2]), tf.mean(x, [0, 3], true), tf.sum(x, [0, 1, 3]), tf.mean(x, [0, 2, 3])],
    [real([3, 4, 2, 5])],
  ),
  of('all and any', (x: Tensor) => tf.stack([tf.all(x, 0), tf.any(x, 0)]), [flags([3, 4])], false),
  of('argMax and argMin', (x: Tensor) => tf.stack([tf.argMax(x, 1), tf.argMin(x, 1)]), [real([3, 4, 2])], false),
  ...[0, 1, 2].flatMap((axis) =>
    [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ].map(([exclusive, reverse]) =>
      of(
        `cumsum over ${axis}${exclusive ? ', exclusive' : ''}${reverse ? ', reverse' : ''}`,
        (x: Tensor) => tf.cumsum(x, axis, exclusive, reverse),
        [real([3, 4, 2])],
      ),
    ),
  ),
  of('cumsum over 1 of equal sizes', (x: Tensor) => tf.cumsum(x, 1), [real([2, 4, 4])]),
  of('softmax', (x: Tensor) => tf.softmax(x), [real([3, 4])]),
  of('logSoftmax', (x: Tensor) => tf.logSoftmax(x), [real([3, 4])]),
  of('softmax far out', (x: Tensor) => tf.softmax(tf.mul(x, 100)), [real([3, 4])], false),
  of('logSoftmax over a batch', (x: Tensor) => tf.logSoftmax(x), [real([2, 3, 4])]),
  of('logSoftmax far out', (x: Tensor) => tf.logSoftmax(tf.mul(x, 100)), [real([3, 4])], false),
  of('topk values', (x: Tensor) => tf.topk(x, 3).values, [real([2, 3, 5])]),
  of('topk indices', (x: Tensor) => tf.topk(x, 3).indices, [real([2, 5])], false),
  of('sort by topk of all', (x: Tensor) => tf.topk(x, 5).values, [real([4, 5])]),
];

type T2 = [boolean, boolean];
const transpositions: T2[] = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
];
const sized = (batch: number[], rows: number, columns: number, t: boolean) =>
  real([...batch, ...(t ? [columns, rows] : [rows, columns])]);
const matMulCases: KernelCase[] = transpositions.flatMap(([ta, tb]) => [
  of(`matMul ${ta} ${tb}`, (a: Tensor, b: Tensor) => tf.matMul(a, b, ta, tb), [
    sized([], 3, 4, ta),
    sized([], 4, 5, tb),
  ]),
  of(`matMul in batches ${ta} ${tb}`, (a: Tensor, b: Tensor) => tf.matMul(a, b, ta, tb), [
    sized([2], 3, 4, ta),
    sized([2], 4, 5, tb),
  ]),
  of(
    `matMul with a shared right ${ta} ${tb}`,
    (a: Tensor, b: Tensor) => tf.matMul(a, b, ta, tb),
    [sized([2], 3, 4, ta), sized([1], 4, 5, tb)],
    true,
  ),
  of(
    `matMul with a shared left ${ta} ${tb}`,
    (a: Tensor, b: Tensor) => tf.matMul(a, b, ta, tb),
    [sized([1], 3, 4, ta), sized([2], 4, 5, tb)],
    true,
  ),
  of(
    `matMul with a broadcast right ${ta} ${tb}`,
    (a: Tensor, b: Tensor) => tf.matMul(a, tf.tile(b, [2, 1, 1]), ta, tb),
    [sized([2], 3, 4, ta), sized([1], 4, 5, tb)],
  ),
  of(`matMul over two batch axes ${ta} ${tb}`, (a: Tensor, b: Tensor) => tf.matMul(a, b, ta, tb), [
    sized([2, 3], 3, 4, ta),
    sized([2, 3], 4, 5, tb),
  ]),
]);

const strided: readonly (readonly [number | [number, number], 'same' | 'valid' | number, number | [number, number]])[] =
  [
    [1, 'same', 1],
    [1, 'valid', 1],
    [2, 'same', 1],
    [2, 'valid', 1],
    [[2, 1], 'same', 1],
    [1, 'same', 2],
    [1, 1, 1],
  ];
const convolutionCases: KernelCase[] = strided.flatMap(([strides, pad, dilations]) => {
  // tfjs takes the filter's height for its width where the padding is a number, so those cases have a square one.
  const [kh, kw] = typeof pad === 'number' ? [3, 3] : [3, 2];
  const label = `strides ${strides}, ${pad}, dilations ${dilations}`;
  return [
    of(
      `conv2d ${label}`,
      (x: tf.Tensor4D, w: tf.Tensor4D) =>
        tf.conv2d(x, w, strides, pad as 'same', 'NHWC', dilations, typeof pad === 'number' ? 'floor' : undefined),
      [real([2, 7, 6, 3]), real([kh, kw, 3, 4])],
    ),
    of(
      `depthwiseConv2d ${label}`,
      (x: tf.Tensor4D, w: tf.Tensor4D) =>
        tf.depthwiseConv2d(
          x,
          w,
          strides,
          pad as 'same',
          'NHWC',
          dilations,
          typeof pad === 'number' ? 'floor' : undefined,
        ),
      [real([2, 7, 6, 3]), real([kh, kw, 3, 2])],
      !Array.isArray(strides),
    ),
  ];
});
const pools: readonly (readonly [[number, number], number, 'same' | 'valid'])[] = [
  [[2, 2], 2, 'valid'],
  [[2, 2], 2, 'same'],
  [[3, 2], 1, 'same'],
  [[3, 3], 2, 'valid'],
];
const poolCases: KernelCase[] = pools.flatMap(([size, stride, pad]) => [
  of(`maxPool ${size} stride ${stride} ${pad}`, (x: tf.Tensor4D) => tf.maxPool(x, size, stride, pad), [
    real([2, 7, 6, 3]),
  ]),
  of(
    `avgPool ${size} stride ${stride} ${pad}`,
    (x: tf.Tensor4D) => tf.avgPool(x, size, stride, pad),
    [real([2, 7, 6, 3])],
    pad === 'valid',
  ), // tfjs's own gradient counts padding
]);

const ids = (values: number[], shape = [values.length]): NdArray => ({
  dtype: 'int32',
  shape,
  data: Int32Array.from(values),
});
const movingCases: KernelCase[] = [
  of('gather over 0', (x: Tensor, i: Tensor) => tf.gather(x, i as tf.Tensor1D), [real([4, 3]), ids([2, 0, 2, 1, 3])]),
  of('gather over 1', (x: Tensor, i: Tensor) => tf.gather(x, i as tf.Tensor1D, 1), [real([2, 4, 3]), ids([2, 0, 2])]),
  of(
    'gather by a matrix',
    (x: Tensor, i: Tensor) => tf.gather(x, i as tf.Tensor1D, 0),
    [real([4, 3]), ids([2, 0, 2, 1, 3, 3], [3, 2])],
    false,
  ),
  of('gather within batches', (x: Tensor, i: Tensor) => tf.gather(x, i as tf.Tensor1D, 1, 1), [
    real([2, 4, 3]),
    ids([2, 0, 2, 1, 3, 3], [2, 3]),
  ]),
  of('gatherND', (x: Tensor, i: Tensor) => tf.gatherND(x, i), [real([4, 3, 2]), ids([2, 0, 3, 1], [2, 2])], false),
  of('scatterND', (i: Tensor, x: Tensor) => tf.scatterND(i, x, [5, 3]), [ids([2, 0, 2], [3, 1]), real([3, 3])], false),
  of(
    'tensorScatterUpdate',
    (t: Tensor, i: Tensor, x: Tensor) => tf.tensorScatterUpdate(t, i, x),
    [real([5, 3]), ids([2, 0], [2, 1]), real([2, 3])],
    false,
  ),
  of('unsortedSegmentSum', (x: Tensor, i: Tensor) => tf.unsortedSegmentSum(x, i as tf.Tensor1D, 4), [
    real([6, 3]),
    ids([0, 2, 2, 3, 0, 2]),
  ]),
  of(
    'unsortedSegmentSum with ids outside',
    (x: Tensor, i: Tensor) => tf.unsortedSegmentSum(x, i as tf.Tensor1D, 3),
    [real([5, 2]), ids([0, 7, 2, -1, 0])],
    false,
  ),
  of('oneHot', (i: Tensor) => tf.oneHot(i as tf.Tensor1D, 4), [ids([0, 3, 1, 5])], false),
  of(
    'oneHot of other values',
    (i: Tensor) => tf.oneHot(i as tf.Tensor1D, 4, 0.9, 0.1, 'float32'),
    [ids([0, 3, 1])],
    false,
  ),
  of('concat over 0', (a: Tensor, b: Tensor) => tf.concat([a, b], 0), [real([2, 3]), real([4, 3])]),
  of('concat over −1', (a: Tensor, b: Tensor) => tf.concat([a, b], -1), [real([2, 3]), real([2, 5])]),
  of('stack', (a: Tensor, b: Tensor) => tf.stack([a, b], 1), [real([2, 3]), real([2, 3])]),
  of('unstack', (a: Tensor) => tf.unstack(a, 1), [real([2, 3, 4])], false),
  of('split', (a: Tensor) => tf.split(a, [1, 4, 2], 1), [real([3, 7])], false),
  of(
    'a function of a split',
    (a: Tensor) => {
      const [p, , q] = tf.split(a, [2, 3, 2], 1);
      return tf.mul(p!, tf.sin(q!));
    },
    [real([3, 7])],
  ),
  of('slice', (a: Tensor) => tf.slice(a, [1, 0, 2], [2, -1, 1]), [real([4, 3, 5])]),
  of('stridedSlice', (a: Tensor) => tf.stridedSlice(a, [0, 5], [4, 0], [2, -2]), [real([4, 6])]),
  of(
    'pad',
    (a: Tensor) =>
      tf.pad(
        a,
        [
          [1, 2],
          [0, 3],
        ],
        0.5,
      ),
    [real([3, 4])],
  ),
  of(
    'mirrorPad reflect',
    (a: Tensor) =>
      tf.mirrorPad(
        a,
        [
          [1, 2],
          [0, 3],
        ],
        'reflect',
      ),
    [real([3, 4])],
    false,
  ),
  of(
    'mirrorPad symmetric',
    (a: Tensor) =>
      tf.mirrorPad(
        a,
        [
          [1, 2],
          [0, 3],
        ],
        'symmetric',
      ),
    [real([3, 4])],
    false,
  ),
  of('tile', (a: Tensor) => tf.tile(a, [2, 3]), [real([3, 4])]),
  of('tile of a size of 1', (a: Tensor) => tf.tile(a, [1, 3]), [real([3, 1])]),
  of('broadcastTo', (a: Tensor) => tf.broadcastTo(a, [4, 3, 2]), [real([3, 1])]),
  of('sum of a broadcast', (a: Tensor) => tf.sum(tf.mul(tf.broadcastTo(a, [4, 3, 2]), 2), [0, 2]), [real([3, 1])]),
  of('reshape of a broadcast', (a: Tensor) => tf.sin(tf.reshape(tf.broadcastTo(a, [4, 3, 2]), [4, 3, 1, 2])), [
    real([3, 1]),
  ]),
  of('flattening of a broadcast', (a: Tensor) => tf.sin(tf.reshape(tf.broadcastTo(a, [4, 3, 2]), [12, 2])), [
    real([3, 1]),
  ]),
  of('transpose', (a: Tensor) => tf.transpose(a, [2, 0, 1]), [real([4, 3, 2])]),
  of('transpose of a transpose', (a: Tensor) => tf.transpose(tf.transpose(a, [2, 0, 1]), [1, 0, 2]), [real([4, 3, 2])]),
  of('transpose past a size of 1', (a: Tensor) => tf.transpose(a, [1, 0, 2]), [real([4, 1, 2])]),
  of('reverse', (a: Tensor) => tf.reverse(a, [0, 2]), [real([4, 3, 2])]),
  of('expandDims and squeeze', (a: Tensor) => tf.squeeze(tf.expandDims(a, 1), [1]), [real([4, 3])]),
  of(
    'range, linspace, eye',
    (a: Tensor) => tf.add(tf.matMul(tf.eye(3), a as tf.Tensor2D), tf.add(tf.range(0, 3), tf.linspace(0, 1, 3))),
    [real([3, 3])],
  ),
  of('zerosLike and onesLike', (a: Tensor) => tf.add(tf.zerosLike(a), tf.onesLike(a)), [real([3, 2])], false),
  of(
    'batchNorm',
    (x: Tensor, m: Tensor, v: Tensor, s: Tensor) =>
      tf.batchNorm(x, m as tf.Tensor1D, v as tf.Tensor1D, undefined, s as tf.Tensor1D),
    [real([4, 3]), real([3]), real([3], 0.5, 2), real([3])],
    false,
  ),
  of(
    'layer norm',
    (x: Tensor, g: Tensor) => {
      const { mean, variance } = tf.moments(x, -1, true);
      return tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5))), g);
    },
    [real([4, 5]), real([5])],
  ),
];

const integerCases: KernelCase[] = [
  of(
    'matMul of integers',
    (a: Tensor, b: Tensor) => tf.matMul(a, b),
    [whole([3, 4], -5, 5), whole([4, 2], -5, 5)],
    false,
  ),
  of(
    'matMul of transposed integers',
    (a: Tensor, b: Tensor) => tf.matMul(a, b, true, true),
    [whole([4, 3], -5, 5), whole([2, 4], -5, 5)],
    false,
  ),
  ...[tf.abs, tf.neg, tf.sign, tf.square, tf.relu, tf.exp].map((f) =>
    of(`${f.name} of integers`, f, [whole([3, 4], -5, 5)], false),
  ),
  ...[tf.max, tf.min, tf.prod, tf.mean, tf.argMax, tf.argMin].map((f) =>
    of(
      `${f.name} of integers`,
      (x: Tensor) => (f as (x: Tensor, axis: number) => Tensor)(x, 0),
      [whole([3, 4], -3, 4)],
      false,
    ),
  ),
  ...[tf.div, tf.pow, tf.maximum, tf.squaredDifference].map((f) =>
    of(`${f.name} of integers`, f, [whole([3, 4], -5, 5), whole([4], 1, 4)], false),
  ),
  of('sum of integers and floats', tf.add, [whole([3, 4], -5, 5), real([4])], false),
  of('product of booleans and floats', tf.mul, [flags([3, 4]), real([4])], false),
  of('sum and mean of booleans', (x: Tensor) => tf.add(tf.sum(x, 0), tf.mean(x, 0)), [flags([3, 4])], false),
  of('cumsum of integers', (x: Tensor) => tf.cumsum(x, 0), [whole([3, 4], -5, 5)], false),
  of('cumsum of booleans', (x: Tensor) => tf.cumsum(x, 1), [flags([3, 4])], false),
  of('clip of integers', (x: Tensor) => tf.clipByValue(x, -1, 2), [whole([3, 4], -5, 5)], false),
  of(
    'where among booleans',
    (c: Tensor, a: Tensor, b: Tensor) => tf.where(c, a, b),
    [flags([5]), flags([5]), flags([5])],
    false,
  ),
  of(
    'where among integers',
    (c: Tensor, a: Tensor, b: Tensor) => tf.where(c, a, b),
    [flags([5]), whole([5], 0, 9), whole([5], 0, 9)],
    false,
  ),
  of('floorDiv of floats', tf.floorDiv, [real([4, 5], -7, 7), real([5], 1, 3)], false),
  of('bitwiseAnd', Reflect.get(tf, 'bitwiseAnd'), [whole([6], 0, 99), whole([6], 0, 99)], false),
  of('oneHot of booleans', (i: Tensor) => tf.oneHot(i as tf.Tensor1D, 4, 1, 0, 'bool'), [ids([0, 3, 1])], false),
  of('pad of integers', (x: Tensor) => tf.pad(x, [[1, 2]], 7), [whole([4], 0, 9)], false),
  of('gather of booleans', (x: Tensor, i: Tensor) => tf.gather(x, i as tf.Tensor1D), [flags([4]), ids([3, 0])], false),
  of(
    'concat, reverse and tile of integers',
    (x: Tensor) => tf.concat([tf.reverse(x), tf.tile(x, [2])]),
    [whole([4], 0, 9)],
    false,
  ),
];

type F4 = (x: tf.Tensor4D) => Tensor;
const imageCases: KernelCase[] = [
  ...([false, true] as const).flatMap((corners) =>
    (
      [
        [9, 7],
        [3, 2],
        [1, 5],
      ] as const
    ).flatMap(([rows, columns]) => [
      of(
        `resizeBilinear to ${rows}×${columns}, corners ${corners}`,
        ((x) => tf.image.resizeBilinear(x, [rows, columns], corners)) as F4,
        [real([2, 6, 5, 3])],
      ),
      of(
        `resizeNearestNeighbor to ${rows}×${columns}, corners ${corners}`,
        ((x) => tf.image.resizeNearestNeighbor(x, [rows, columns], corners)) as F4,
        [real([2, 6, 5, 3])],
      ),
    ]),
  ),
  of('resizeBilinear by centers', ((x) => tf.image.resizeBilinear(x, [9, 3], false, true)) as F4, [real([2, 4, 5, 3])]),
  of('resizeNearestNeighbor by centers', ((x) => tf.image.resizeNearestNeighbor(x, [9, 3], false, true)) as F4, [
    real([2, 4, 5, 3]),
  ]),
  of(
    'resizeNearestNeighbor of integers',
    ((x) => tf.image.resizeNearestNeighbor(x, [6, 3])) as F4,
    [whole([2, 4, 5, 3], 0, 9)],
    false,
  ),
  of('flipLeftRight', ((x) => tf.image.flipLeftRight(x)) as F4, [real([2, 4, 5, 3])], false),
  of('rgbToGrayscale, an einsum', ((x) => tf.image.rgbToGrayscale(x)) as F4, [real([2, 4, 5, 3])], false),
  of(
    'spaceToBatchND',
    (x: Tensor) =>
      tf.spaceToBatchND(
        x,
        [2, 3],
        [
          [0, 0],
          [1, 2],
        ],
      ),
    [real([2, 4, 6, 3])],
  ),
  of(
    'batchToSpaceND',
    (x: Tensor) =>
      tf.batchToSpaceND(
        x,
        [2, 2],
        [
          [0, 0],
          [1, 0],
        ],
      ),
    [real([8, 2, 3, 5])],
  ),
  of('depthToSpace', ((x) => tf.depthToSpace(x, 2)) as F4, [real([2, 3, 4, 8])], false),
  of('dilated pooling', ((x) => tf.pool(x, [2, 2], 'avg', 'valid', [2, 2], 1)) as F4, [real([2, 4, 6, 3])]),
];

const volumeCases: KernelCase[] = [
  ...(
    [
      [1, 'same'],
      [2, 'valid'],
      [2, 'same'],
    ] as const
  ).map(([stride, pad]) =>
    of(`conv3d stride ${stride}, ${pad}`, (x: tf.Tensor5D, w: tf.Tensor5D) => tf.conv3d(x, w, stride, pad), [
      real([2, 4, 5, 6, 3]),
      real([3, 2, 3, 3, 4]),
    ]),
  ),
  of(
    'conv3dTranspose',
    (x: tf.Tensor5D, w: tf.Tensor5D) => tf.conv3dTranspose(x, w, [2, 4, 6, 8, 3], 2, 'same'),
    [real([2, 2, 3, 4, 4]), real([3, 2, 3, 3, 4])],
    false,
  ),
  of('maxPool3d', (x: tf.Tensor5D) => tf.maxPool3d(x, 2, 2, 'valid'), [real([2, 4, 5, 6, 3])]),
  of(
    'maxPool3d that overlaps',
    (x: tf.Tensor5D) => tf.maxPool3d(x, [2, 3, 2], 1, 'same'),
    [real([2, 4, 5, 6, 3])],
    false,
  ), // tfjs's own gradient loses overlaps
  of('avgPool3d', (x: tf.Tensor5D) => tf.avgPool3d(x, [2, 3, 2], [2, 1, 2], 'valid'), [real([2, 4, 5, 6, 3])]),
];

const moreConvolutionCases: KernelCase[] = [
  of('conv1d stride 2', (x: tf.Tensor3D, w: tf.Tensor3D) => tf.conv1d(x, w, 2, 'same'), [
    real([2, 7, 3]),
    real([3, 3, 4]),
  ]),
  of('conv1d dilated', (x: tf.Tensor3D, w: tf.Tensor3D) => tf.conv1d(x, w, 1, 'same', 'NWC', 2), [
    real([2, 7, 3]),
    real([3, 3, 4]),
  ]),
  of('conv2dTranspose', (x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2dTranspose(x, w, [2, 8, 6, 3], 2, 'same'), [
    real([2, 4, 3, 4]),
    real([3, 2, 3, 4]),
  ]),
  of(
    'conv2d explicit padding',
    (x: tf.Tensor4D, w: tf.Tensor4D) =>
      tf.conv2d(x, w, 1, [
        [0, 0],
        [1, 2],
        [0, 1],
        [0, 0],
      ] as never),
    [real([2, 5, 6, 3]), real([3, 2, 3, 4])],
  ),
  of('conv2d of single pixels', (x: tf.Tensor4D, w: tf.Tensor4D) => tf.conv2d(x, w, 1, 'same'), [
    real([1, 1, 1, 1]),
    real([3, 3, 1, 1]),
  ]),
  of('separableConv2d', (x: tf.Tensor4D, d: tf.Tensor4D, p: tf.Tensor4D) => tf.separableConv2d(x, d, p, 2, 'same'), [
    real([2, 6, 7, 3]),
    real([3, 2, 3, 2]),
    real([1, 1, 6, 5]),
  ]),
  ...(['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'leakyrelu'] as const).flatMap((activation) => [
    of(
      `fused matMul, ${activation}`,
      (a: Tensor, b: Tensor, bias: Tensor) => tf.fused.matMul({ a, b, bias, activation, leakyreluAlpha: 0.3 }),
      [real([3, 4]), real([4, 5]), real([5])],
      ['linear', 'relu'].includes(activation),
    ),
    of(
      `fused conv2d, ${activation}`,
      (x: tf.Tensor4D, filter: tf.Tensor4D, bias: Tensor) =>
        tf.fused.conv2d({ x, filter, strides: 1, pad: 'same', bias, activation, leakyreluAlpha: 0.3 }),
      [real([2, 6, 7, 3]), real([3, 2, 3, 4]), real([4])],
      ['linear', 'relu'].includes(activation),
    ),
  ]),
  of(
    'fused matMul, prelu',
    (a: Tensor, b: Tensor, bias: Tensor, p: Tensor) =>
      tf.fused.matMul({ a, b, bias, activation: 'prelu', preluActivationWeights: p }),
    [real([3, 4]), real([4, 5]), real([5]), real([5], 0.1, 0.5)],
    false,
  ),
  of(
    'fused depthwiseConv2d',
    (x: tf.Tensor4D, filter: tf.Tensor4D, bias: Tensor) =>
      tf.fused.depthwiseConv2d({ x, filter, strides: 1, pad: 'same', bias, activation: 'relu' }),
    [real([2, 6, 7, 3]), real([3, 2, 3, 2]), real([6])],
  ),
];

const einsum = Reflect.get(tf, 'einsum') as (equation: string, ...xs: Tensor[]) => Tensor;
const moreMovingCases: KernelCase[] = [
  ...(
    [
      ['bij,bjk->bik', [2, 3, 4], [2, 4, 5]],
      ['i,j->ij', [3], [4]],
      ['ij, jk -> ki', [3, 4], [4, 5]],
    ] as const
  ).map(([equation, a, b]) =>
    of(`einsum ${equation}`, (x: Tensor, y: Tensor) => einsum(equation, x, y), [real([...a]), real([...b])], false),
  ),
  of('einsum of one', (x: Tensor) => einsum('ijk->kj', x), [real([3, 4, 2])], false),
  of('diag', tf.diag, [odd([1, -2, 3])], false),
  of('cumprod', (x: Tensor) => tf.cumprod(x, 1), [real([3, 7, 2])], false),
  of('cumprod, exclusive, reverse', (x: Tensor) => tf.cumprod(x, 0, true, true), [real([5, 2])], false),
  of('gather by a matrix over 1', (x: Tensor, i: Tensor) => tf.gather(x, i as tf.Tensor1D, 1), [
    real([2, 4, 3]),
    ids([2, 0, 2, 1, 3, 3], [3, 2]),
  ]),
  of('gather by a number', (x: Tensor, i: Tensor) => tf.gather(x, i as tf.Tensor1D), [real([4, 3]), ids([2], [])]),
  of('unsortedSegmentSum by a matrix', (x: Tensor, i: Tensor) => tf.unsortedSegmentSum(x, i as tf.Tensor1D, 3), [
    real([4, 2]),
    ids([0, 2, 1, 0]),
  ]),
  of('stridedSlice backwards', (x: Tensor) => tf.stridedSlice(x, [-1, 5], [-4, 0], [-2, -1]), [real([4, 6])]),
  of('stridedSlice forwards', (x: Tensor) => tf.stridedSlice(x, [0, 1], [4, 6], [3, 2]), [real([4, 6])]),
  of('reverse of all axes', (x: Tensor) => tf.reverse(x), [real([3, 4])]),
  of('reverse of one axis', (x: Tensor) => tf.reverse(x, -1), [real([3, 4])]),
  of(
    'where by a comparison',
    (x: Tensor, y: Tensor) => tf.where(tf.logicalAnd(tf.greater(x, y), tf.less(x, 1)), tf.sin(x), y),
    [real([3, 4]), real([3, 4])],
  ),
  of('divNoNan', tf.divNoNan, [real([3]), odd([0, 1, -2])]),
  of(
    'batchNorm of images',
    (x: Tensor, m: Tensor, v: Tensor, o: Tensor, s: Tensor) =>
      tf.batchNorm(x, m as tf.Tensor1D, v as tf.Tensor1D, o as tf.Tensor1D, s as tf.Tensor1D),
    [real([2, 3, 4, 5]), real([5]), real([5], 0.5, 2), real([5]), real([5])],
  ),
  of(
    'group norm',
    (x: Tensor) => {
      const { mean, variance } = tf.moments(tf.reshape(x, [2, 5, 2, 3]), [1, 3], true);
      return tf.mul(tf.sub(tf.reshape(x, [2, 5, 2, 3]), mean), tf.rsqrt(tf.add(variance, 1e-5)));
    },
    [real([2, 5, 6])],
  ),
  of('softmax cross-entropy', (x: Tensor, y: Tensor) => tf.losses.softmaxCrossEntropy(tf.softmax(y), x), [
    real([3, 4]),
    real([3, 4]),
  ]),
  of('sigmoid cross-entropy', (x: Tensor, y: Tensor) => tf.losses.sigmoidCrossEntropy(tf.sigmoid(y), x), [
    real([3, 4]),
    real([3, 4]),
  ]),
  of('Huber loss', (x: Tensor, y: Tensor) => tf.losses.huberLoss(x, y), [real([3, 4]), real([3, 4])]),
];

/** Slopes far out and at kinks; only where tfjs itself stays finite or agrees on what isn't. */
const far = odd([100, -100, 0, 1e-30, -1e-30, 88, -88, 1, -1]);
const farCases: KernelCase[] = [
  ...unary
    .filter(([name]) => !['step', 'selu'].includes(name))
    .map(([name, f]) => of(`${name} far out, with its slope`, f, [far])),
  ...binary.map(([name, f]) =>
    of(`${name} far out, with its slopes`, f, [
      odd([100, -100, 0, 1, 2, -3, 0, 5]),
      odd([100, 100, 0, -1, 0, 2, 3, -9]),
    ]),
  ),
];

const nothing = (...shape: number[]): NdArray => ({
  dtype: 'float32',
  shape,
  data: new Float32Array(shape.reduce((p, q) => p * q, 1)),
});
const smallCases: KernelCase[] = [
  ...unary.map(([name, f]) => of(`${name} of nothing`, f, [nothing(0, 3)])),
  ...binary.map(([name, f]) => of(`${name} of nothing`, f, [nothing(0, 3), real([3])])),
  ...unary.map(([name, f]) =>
    of(`${name} of a number`, f, [name === 'acosh' ? real([], 1.3, 1.5) : real([], 0.3, 0.5)]),
  ),
  of('sum and prod over nothing', (x: Tensor) => tf.add(tf.sum(x, 0), tf.prod(x, 0)), [nothing(0, 3)], false),
  of('any of nothing', (x: Tensor) => tf.any(tf.cast(x, 'bool'), 0), [nothing(0, 3)], false),
  of('max of rows that there are none of', (x: Tensor) => tf.max(x, 1), [nothing(0, 3)], false),
  of('matMul over nothing', (a: Tensor, b: Tensor) => tf.matMul(a, b), [nothing(2, 0), nothing(0, 3)], false),
  of('matMul of nothing', (a: Tensor, b: Tensor) => tf.matMul(a, b), [nothing(0, 2), real([2, 3])], false),
  of('softmax, transpose, reverse of nothing', (x: Tensor) => tf.reverse(tf.transpose(tf.softmax(x))), [nothing(0, 3)]),
  of('gather of nothing', (x: Tensor, i: Tensor) => tf.gather(x, i as tf.Tensor1D), [real([4, 3]), ids([])]),
  of(
    'unsortedSegmentSum of nothing',
    (x: Tensor, i: Tensor) => tf.unsortedSegmentSum(x, i as tf.Tensor1D, 3),
    [nothing(0, 2), ids([])],
    false,
  ),
  of(
    'pad of nothing',
    (x: Tensor) =>
      tf.pad(
        x,
        [
          [1, 1],
          [0, 0],
        ],
        2,
      ),
    [nothing(0, 3)],
    false,
  ),
  of('concat with nothing', (a: Tensor, b: Tensor) => tf.concat([a, b]), [nothing(0, 3), real([2, 3])]),
  of('slice down to nothing', (x: Tensor) => tf.slice(x, [1, 0], [0, 2]), [real([3, 4])], false),
  of('topk of a size of 1', (x: Tensor) => tf.topk(x, 1).values, [real([3, 1])]),
  of('prod of a number', (x: Tensor) => tf.prod(x), [real([])]),
  of('split, stack and concat of one part', (x: Tensor) => tf.concat([tf.stack(tf.split(x, 1))]), [real([2])], false),
];

export const kernelCases: readonly KernelCase[] = [
  ...elementwiseCases,
  ...reductionCases,
  ...matMulCases,
  ...convolutionCases,
  ...poolCases,
  ...movingCases,
  ...moreMovingCases,
  ...moreConvolutionCases,
  ...volumeCases,
  ...imageCases,
  ...integerCases,
  ...farCases,
  ...smallCases,
];
