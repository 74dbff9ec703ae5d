import { RecognitionError } from '../onnx/recognition-error.ts';
import type { TensorDType } from '../../dtypes.ts';

/** Values as a checkpoint stores them: exact where they came from this dtype, else the nearest, ties to even. */
export function encodeFloats(dtype: TensorDType, values: Float32Array, name: string): Uint8Array {
  if (dtype === 'float32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (dtype === 'float64') return new Uint8Array(Float64Array.from(values).buffer);
  if (dtype === 'float16') return new Uint8Array(Uint16Array.from(values, toHalf).buffer);
  if (dtype === 'bfloat16') return new Uint8Array(Uint16Array.from(values, toBfloat).buffer);
  const [expected, remedy] = ['be of float64, float32, float16 or bfloat16 to be written', 'write it as float32'];
  throw new RecognitionError('toCheckpoint', `tensor '${name}'`, expected, dtype, remedy);
}

const word = new DataView(new ArrayBuffer(4));
const bitsOf = (value: number): number => {
  word.setFloat32(0, value);
  return word.getUint32(0);
};

function toBfloat(value: number): number {
  const bits = bitsOf(value);
  if (Number.isNaN(value)) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function toHalf(value: number): number {
  const bits = bitsOf(value);
  const sign = (bits >>> 16) & 0x8000;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return sign | 0x7e00 | ((bits >>> 13) & 0x3ff);
  if (size >= 65520) return sign | 0x7c00;
  // Subnormals are multiples of 2^-24.
  if (size < 2 ** -14) return sign | roundEven(size * 2 ** 24);
  const exponent = ((bits >>> 23) & 0xff) - 127;
  return sign | (((exponent + 14) << 10) + roundEven(size * 2 ** (10 - exponent)));
}

function roundEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return rest > 0.5 ? floor + 1 : floor;
  return floor % 2 === 0 ? floor : floor + 1;
}
