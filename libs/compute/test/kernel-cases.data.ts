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
  ['prod', tf.prod, false],
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
      dilations === 1,
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
      dilations === 1 && !Array.isArray(strides),
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
  of('stridedSlice', (a: Tensor) => tf.stridedSlice(a, [0, 5], [4, 0], [2, -2]), [real([4, 6])], false),
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

export const kernelCases: readonly KernelCase[] = [
  ...elementwiseCases,
  ...reductionCases,
  ...matMulCases,
  ...convolutionCases,
  ...poolCases,
  ...movingCases,
];
