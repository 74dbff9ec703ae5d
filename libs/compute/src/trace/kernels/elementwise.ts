/** @file Elementwise kernels. */
import type { Builder } from '../build.ts';
import type { Value } from '../graph.ts';
import type { Inputs, TraceKernel } from '../trace-backend.ts';

const unary =
  (op: string): TraceKernel =>
  (b, { x }) =>
    b.unary(op, x!);
const binary =
  (op: string): TraceKernel =>
  (b, inputs) =>
    b.binary(op, inputs['a']!, inputs['b']!);
type Comparison = 'Equal' | 'Greater' | 'GreaterOrEqual' | 'Less' | 'LessOrEqual';
/** ONNX Runtime compares no booleans by order; tfjs does. */
const comparison =
  (op: Comparison, negate = false): TraceKernel =>
  (b, inputs) => {
    const number = (v: Value) => (v.type === 'bool' ? b.cast(v, 'int32') : v);
    const compared = b.compare(op, number(inputs['a']!), number(inputs['b']!));
    return negate ? b.not(compared) : compared;
  };
const logical =
  (op: string): TraceKernel =>
  (b, inputs) =>
    b.binary(op, inputs['a']!, inputs['b']!, 'bool');
const isInteger = (x: Value) => x.type === 'int32';
/** An integer operand is computed in float where ONNX Runtime has no integer kernel. */
const inFloat =
  (f: (b: Builder, x: Value) => Value): TraceKernel =>
  (b, { x }) =>
    isInteger(x!) ? b.cast(f(b, b.cast(x!, 'float32')), 'int32') : f(b, x!);

/** tfjs gives whole numbers as integers, of floats too. */
function floorDiv(b: Builder, x: Value, y: Value): Value {
  if (!isInteger(x)) return b.cast(b.unary('Floor', b.div(x, y)), 'int32');
  // ONNX truncates integer quotients; round down where the remainder's sign differs from the divisor's.
  const quotient = b.binary('Div', x, y);
  const remainder = b.sub(x, b.mul(quotient, y));
  const zero = b.scalar(0, 'int32');
  const inexact = b.not(b.compare('Equal', remainder, zero));
  const opposite = b.binary('Xor', b.compare('Less', remainder, zero), b.compare('Less', y, zero), 'bool');
  return b.sub(quotient, b.cast(b.binary('And', inexact, opposite, 'bool'), 'int32'));
}

/** tfjs's remainder has the divisor's sign. */
function mod(b: Builder, x: Value, y: Value): Value {
  if (isInteger(x)) return b.sub(x, b.mul(floorDiv(b, x, y), y));
  const shape = b.add(x, y).shape;
  const remainder = b.graph.add(
    'Mod',
    [b.expand(x, shape), b.expand(y, shape)],
    { shape, type: 'float32' },
    { fmod: 1 },
  );
  const zero = b.scalar(0);
  const wrongSign = b.binary('Xor', b.compare('Less', remainder, zero), b.compare('Less', y, zero), 'bool');
  const nonZero = b.not(b.compare('Equal', remainder, zero));
  return b.where(b.binary('And', wrongSign, nonZero, 'bool'), b.add(remainder, y), remainder);
}

/** e^x − 1 = tanh(x/2) (e^x + 1), which doesn't cancel near 0. */
const expm1 = (b: Builder, x: Value): Value =>
  b.mul(b.unary('Tanh', b.mul(x, b.scalar(0.5))), b.add(b.unary('Exp', x), b.scalar(1)));

/** log(1+x) = log(u) x/(u−1) with u = fl(1+x) (Goldberg 1991, theorem 4), which doesn't cancel near 0. */
function log1p(b: Builder, x: Value): Value {
  const one = b.scalar(1);
  const u = b.add(x, one);
  const log = b.unary('Log', u);
  const exact = b.compare('Equal', u, one);
  const infinite = b.unary('IsInf', u, 'bool');
  const ratio = b.div(x, b.where(exact, one, b.sub(u, one)));
  return b.where(exact, x, b.where(infinite, log, b.mul(log, ratio)));
}

function atan2(b: Builder, y: Value, x: Value): Value {
  const zero = b.scalar(0);
  const base = b.unary('Atan', b.div(y, x));
  const half = b.where(b.compare('Less', y, zero), b.scalar(-Math.PI), b.scalar(Math.PI));
  const quadrant = b.where(b.compare('Less', x, zero), b.add(base, half), base);
  const onAxis = b.mul(b.unary('Sign', y), b.scalar(Math.PI / 2));
  return b.where(b.compare('Equal', x, zero), onAxis, quadrant);
}

function step(b: Builder, x: Value, alpha: number): Value {
  const positive = b.compare('Greater', x, b.cast(b.scalar(0), x.type));
  if (alpha === 0) return b.cast(positive, 'float32');
  return b.where(positive, b.scalar(1), b.scalar(alpha));
}

const clip = (b: Builder, x: Value, low: number, high: number): Value => {
  const [from, to] = [b.cast(b.scalar(low), x.type), b.cast(b.scalar(high), x.type)];
  return b.graph.add('Clip', [x, from, to], { shape: x.shape, type: x.type });
};

const isNan = (b: Builder, x: Value): Value =>
  isInteger(x) ? b.graph.uniform(0, x.shape, 'bool') : b.unary('IsNaN', x, 'bool');
const isInf = (b: Builder, x: Value): Value =>
  isInteger(x) ? b.graph.uniform(0, x.shape, 'bool') : b.unary('IsInf', x, 'bool');

const numeric = (b: Builder, { a, b: c }: Inputs, op: string): Value => {
  const number = (v: Value) => (v.type === 'bool' ? b.cast(v, 'int32') : v);
  return b.binary(op, number(a!), number(c!));
};

export const elementwise: { readonly [kernelName: string]: TraceKernel } = {
  Abs: unary('Abs'),
  Acos: unary('Acos'),
  Acosh: unary('Acosh'),
  Add: (b, inputs) => numeric(b, inputs, 'Add'),
  AddN: (b, inputs) => Object.values(inputs).reduce((sum, x) => b.add(sum, x)),
  Asin: unary('Asin'),
  Asinh: unary('Asinh'),
  Atan: unary('Atan'),
  Atan2: (b, inputs) => atan2(b, inputs['a']!, inputs['b']!),
  Atanh: unary('Atanh'),
  BitwiseAnd: binary('BitwiseAnd'),
  Ceil: inFloat((b, x) => b.unary('Ceil', x)),
  ClipByValue: (b, { x }, attrs) => clip(b, x!, attrs['clipValueMin']!, attrs['clipValueMax']!),
  Cos: unary('Cos'),
  Cosh: unary('Cosh'),
  Elu: unary('Elu'),
  /** dy where y ≥ 0, else dy (y + 1). */
  EluGrad: (b, { dy, y }) =>
    b.where(b.compare('GreaterOrEqual', y!, b.scalar(0)), dy!, b.mul(dy!, b.add(y!, b.scalar(1)))),
  Equal: comparison('Equal'),
  Erf: unary('Erf'),
  Exp: (b, { x }) => b.unary('Exp', b.cast(x!, 'float32')),
  Expm1: (b, { x }) => expm1(b, x!),
  Floor: inFloat((b, x) => b.unary('Floor', x)),
  FloorDiv: (b, inputs) => floorDiv(b, inputs['a']!, inputs['b']!),
  FusedBatchNorm: (b, { x, mean, variance, scale, offset }, attrs) => {
    const deviation = b.unary('Sqrt', b.add(variance!, b.scalar(attrs['varianceEpsilon'] ?? 1e-3)));
    const normal = b.div(b.sub(x!, mean!), deviation);
    const scaled = scale ? b.mul(normal, scale) : normal;
    return offset ? b.add(scaled, offset) : scaled;
  },
  Greater: comparison('Greater'),
  GreaterEqual: comparison('GreaterOrEqual'),
  IsFinite: (b, { x }) => b.not(b.binary('Or', isNan(b, x!), isInf(b, x!), 'bool')),
  IsInf: (b, { x }) => isInf(b, x!),
  IsNan: (b, { x }) => isNan(b, x!),
  LeakyRelu: (b, { x }, attrs) => b.unary('LeakyRelu', x!, 'float32', { alpha: { float: attrs['alpha']! } }),
  Less: comparison('Less'),
  LessEqual: comparison('LessOrEqual'),
  Log: unary('Log'),
  Log1p: (b, { x }) => log1p(b, x!),
  LogicalAnd: logical('And'),
  LogicalNot: (b, { x }) => b.not(x!),
  LogicalOr: logical('Or'),
  Maximum: binary('Max'),
  Minimum: binary('Min'),
  Mod: (b, inputs) => mod(b, inputs['a']!, inputs['b']!),
  Multiply: (b, inputs) => numeric(b, inputs, 'Mul'),
  Neg: unary('Neg'),
  NotEqual: comparison('Equal', true),
  Pow: binary('Pow'),
  Prelu: (b, { x, alpha }) => b.graph.add('PRelu', [x!, alpha!], { shape: x!.shape, type: 'float32' }),
  RealDiv: binary('Div'),
  Reciprocal: unary('Reciprocal'),
  Relu: (b, { x }) => (isInteger(x!) ? b.binary('Max', x!, b.scalar(0, 'int32')) : b.unary('Relu', x!)),
  Relu6: (b, { x }) => clip(b, x!, 0, 6),
  Round: inFloat((b, x) => b.unary('Round', x)),
  Rsqrt: (b, { x }) => b.unary('Reciprocal', b.unary('Sqrt', x!)),
  Select: (b, { condition, t, e }) => b.where(condition!, t!, e!),
  Selu: unary('Selu'),
  Sigmoid: unary('Sigmoid'),
  Sign: unary('Sign'),
  Sin: unary('Sin'),
  Sinh: unary('Sinh'),
  Softplus: unary('Softplus'),
  Sqrt: unary('Sqrt'),
  Square: (b, { x }) => b.mul(x!, x!),
  SquaredDifference: (b, inputs) => {
    const difference = b.sub(inputs['a']!, inputs['b']!);
    return b.mul(difference, difference);
  },
  Step: (b, { x }, attrs) => step(b, x!, attrs['alpha'] ?? 0),
  Sub: (b, inputs) => numeric(b, inputs, 'Sub'),
  Tan: unary('Tan'),
  Tanh: unary('Tanh'),
};
