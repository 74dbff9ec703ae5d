import { openCheckpoint, tensorOf, writeSafetensors } from '@weightspace/checkpoint';
import type { TensorData, WritableTensor } from '@weightspace/checkpoint';
import { halfToNumber } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

import { errorOf, fixture } from './checkpoint-fixtures.ts';
import { temporary } from './temporary.ts';

async function opened(...tensors: readonly WritableTensor[]) {
  writeSafetensors(temporary('tensors.safetensors'), tensors);
  return openCheckpoint(temporary('tensors.safetensors'));
}
const float64 = (data: number[]): TensorData => ({
  dtype: 'float64',
  shape: [data.length],
  data: Float64Array.from(data),
});

describe('CheckpointTensor', () => {
  test('reads every half and brain float exactly', async () => {
    const bits = Uint8Array.from(new Uint8Array(Uint16Array.from({ length: 2 ** 16 }, (_, i) => i).buffer));
    const all = (name: string, dtype: 'float16' | 'bfloat16') => ({ name, dtype, shape: [2 ** 16], bytes: () => bits });
    const checkpoint = await opened(all('half', 'float16'), all('brain', 'bfloat16'));
    const [half, brain] = [checkpoint.tensor('half').read().data, checkpoint.tensor('brain').read().data];
    expect(half).toEqual(Float32Array.from({ length: 2 ** 16 }, (_, i) => halfToNumber(i)));
    const words = new Uint32Array((brain as Float32Array).buffer);
    expect(words.every((word, i) => word === i * 2 ** 16)).toBe(true);
  });

  test('reads 8-bit floats as their definitions say', async () => {
    const bits = Uint8Array.of(0x00, 0x01, 0x08, 0x38, 0x7e, 0x7f, 0x80, 0xb8);
    const stored = (dtype: 'float8_e4m3fn' | 'float8_e5m2') => ({ name: dtype, dtype, shape: [8], bytes: () => bits });
    const checkpoint = await opened(stored('float8_e4m3fn'), stored('float8_e5m2'));
    expect([...checkpoint.tensor('float8_e4m3fn').read().data]).toEqual([0, 2 ** -9, 2 ** -6, 1, 448, NaN, -0, -1]);
    expect([...checkpoint.tensor('float8_e5m2').read().data]).toEqual([0, 2 ** -16, 2 ** -13, 0.5, NaN, NaN, -0, -0.5]);
  });

  test('keeps 64-bit integers as they are', async () => {
    const checkpoint = await openCheckpoint(fixture('all.safetensors'));
    expect(checkpoint.tensor('i64').read().data).toEqual(BigInt64Array.of(-5n, 2n ** 62n + 1n));
    expect(checkpoint.tensor('i64').shape).toEqual([2, 1]);
  });

  test('refuses to change a value on the way to the numerics, unless it may', async () => {
    const integers = { dtype: 'int64', shape: [2], data: BigInt64Array.of(1n, 2n ** 40n + 1n) } as const;
    const checkpoint = await opened(tensorOf('tenth', float64([0.5, 0.1])), tensorOf('large', integers));
    const error = await errorOf(() => checkpoint.tensor('tenth').ndarray());
    expect(error.message).toBe(
      `${temporary('tensors.safetensors')} at tensor 'tenth': expected float64 values that are float32 too, found 0.1 at 1; ` +
        'read() gives every value exactly; ndarray({ lossy: true }) takes the nearest float32',
    );
    const lossy = { lossy: true };
    expect(checkpoint.tensor('tenth').ndarray(lossy).data).toEqual(Float32Array.of(0.5, 0.1));
    expect((await errorOf(() => checkpoint.tensor('large').ndarray())).found).toBe('1099511627777 at 1');
    expect(checkpoint.tensor('large').ndarray(lossy)).toEqual({
      dtype: 'float32',
      shape: [2],
      data: Float32Array.of(1, 2 ** 40),
    });
  });

  test('gives the numerics what fits', async () => {
    const small = { dtype: 'int64', shape: [2], data: BigInt64Array.of(-1n, 7n) } as const;
    const checkpoint = await opened(tensorOf('exact', float64([0.5, NaN, -0, Infinity])), tensorOf('small', small));
    expect(checkpoint.tensor('exact').ndarray().data).toEqual(Float32Array.of(0.5, NaN, -0, Infinity));
    expect(checkpoint.tensor('small').ndarray()).toEqual({ dtype: 'int32', shape: [2], data: Int32Array.of(-1, 7) });
    const all = await openCheckpoint(fixture('all.safetensors'));
    expect(all.tensor('bool').ndarray()).toEqual({ dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) });
    expect(all.tensor('u8').ndarray().data).toEqual(Int32Array.of(255, 1));
    const complex = (await openCheckpoint(fixture('nested.pt'))).tensor('model.c64');
    expect(complex.read().data).toEqual(Float32Array.of(1, 2, 3, -4));
    expect((await errorOf(() => complex.ndarray())).expected).toBe('real numbers');
  });

  test('says where tied weights are one', async () => {
    const checkpoint = await openCheckpoint(fixture('nested.pt'));
    expect(checkpoint.tensor('model.tied').location).toEqual(checkpoint.tensor('model.parameter').location);
    expect(checkpoint.tensor('model.transposed').location).toMatchObject({ strides: [1, 6], bytes: 96 });
    expect(
      checkpoint.tensor('model.row').location!.offset - checkpoint.tensor('model.transposed').location!.offset,
    ).toBe(48);
  });

  test('tells how quantized weights are stored', async () => {
    const checkpoint = await openCheckpoint(fixture('tfjs/model.json'));
    const { dtype, quantization, location } = checkpoint.tensor('dense/quantized8');
    expect({ dtype, quantization, location }).toEqual({
      dtype: 'float32',
      quantization: { dtype: 'uint8', scale: 0.01171875 / 3, min: -1.5 },
      location: undefined,
    });
  });
});

describe('Checkpoint', () => {
  test('names what it has when it is asked for what it has not', async () => {
    const checkpoint = await openCheckpoint(fixture('mlp.pt'));
    expect(checkpoint.has('0.weight')).toBe(true);
    expect(checkpoint.has('weight')).toBe(false);
    const error = await errorOf(() => checkpoint.tensor('weight'));
    expect(error.message).toBe(
      `${fixture('mlp.pt')}: expected a tensor 'weight', found 9 others, such as 0.weight, 0.bias, 2.weight, 2.bias, ` +
        '2.running_mean; take a name from `tensors`',
    );
  });
});

describe('tensorOf', () => {
  test('refuses data of another kind or size', () => {
    expect(() => tensorOf('x', { dtype: 'float64', shape: [1], data: Float32Array.of(1) })).toThrow(
      'encode: float64 of shape [1] must have a Float64Array of 1 values, got a Float32Array of 1',
    );
    expect(() => tensorOf('x', { dtype: 'complex64', shape: [2], data: new Float32Array(2) })).toThrow(
      'encode: complex64 of shape [2] must have a Float32Array of 4 values, got a Float32Array of 2',
    );
    expect(() => tensorOf('x', { dtype: 'float16', shape: [1], data: Float32Array.of(1) })).toThrow(
      'encode: float16 of shape [1] must have a dtype of a typed array, got a Float32Array of 1',
    );
  });
});
