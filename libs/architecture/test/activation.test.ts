import { tf } from '@weightspace/compute';
import { describe, expect, test } from 'vitest';

import {
  activate,
  activationKind,
  activationKinds,
  ArchitectureError,
  layerKind,
  layerKinds,
  parseActivation,
  registerActivation,
} from '@weightspace/architecture';

const z = [-100, -2.7, -0.9, -0.1, 0, 0.2, 1.3, 3.1, 100];
const values = (kind: string, points: readonly number[]): number[] =>
  tf.tidy(() => Array.from(activate(tf.tensor1d([...points]), parseActivation(kind)).dataSync()));
const close = (a: number[], b: number[]) => a.every((v, i) => Math.abs(v - b[i]!) < 1e-5 * (1 + Math.abs(b[i]!)));

describe.each(activationKinds())('%s', (kind) => {
  const { odd, homogeneous, halfPeriod } = activationKind(kind);
  test('is finite at ±100 and 0', () => {
    values(kind, z).forEach((value) => expect(Number.isFinite(value)).toBe(true));
  });
  test('is odd exactly where it says so', () => {
    const mirrored = values(
      kind,
      z.map((v) => -v),
    ).map((v) => -v);
    expect(close(mirrored, values(kind, z))).toBe(odd);
  });
  test('is positively homogeneous exactly where it says so', () => {
    const scaled = values(
      kind,
      z.map((v) => 2 * v),
    ).map((v) => v / 2);
    expect(close(scaled, values(kind, z))).toBe(homogeneous);
  });
  test('changes sign after half a period, where it has one', () => {
    const shift = halfPeriod?.(parseActivation(kind));
    expect(shift !== undefined).toBe(kind === 'sine');
    if (shift === undefined) return;
    const near = z.filter((v) => Math.abs(v) < 4);
    const shifted = values(
      kind,
      near.map((v) => v + shift),
    ).map((v) => -v);
    shifted.forEach((v, i) => expect(v).toBeCloseTo(values(kind, near)[i]!, 4));
  });
});

describe('activations', () => {
  test('take settings from a record and defaults from the kind', () => {
    expect(parseActivation('sine')).toEqual({ kind: 'sine', omega: 30 });
    expect(parseActivation({ kind: 'sine', omega: 7 })).toEqual({ kind: 'sine', omega: 7 });
  });
  test('refuse what is unknown', () => {
    expect(() => activationKind('cosine')).toThrow(ArchitectureError);
    expect(() => activationKind('cosine')).toThrow('activationKind: activation.kind must be one of identity, relu');
    expect(() => layerKind('pool')).toThrow(`layerKind: kind must be one of ${layerKinds().join(', ')}, got "pool"`);
    expect(() => parseActivation({ kind: 'sine', omega: 'fast' })).toThrow(
      'activation.omega must be a finite number, got "fast"',
    );
  });
  test('are registered once', () => {
    expect(() => registerActivation(activationKind('tanh'))).toThrow(
      "register: activation 'tanh' must not be registered yet, got a second one; rename it",
    );
  });
});
