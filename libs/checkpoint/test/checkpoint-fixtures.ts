/** @file The fixtures, what Python says is in them, and errors as values. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { CheckpointError } from '@weightspace/checkpoint';
import type { Checkpoint, CheckpointFormat, CheckpointTensor, TensorDType } from '@weightspace/checkpoint';

export const fixture = (name: string): string => join(import.meta.dirname, 'fixtures', name);

interface ExpectedTensor {
  readonly name: string;
  readonly dtype: TensorDType;
  readonly shape: readonly number[];
  /** Little-endian and row-major, in base 64. */
  readonly bytes: string;
}

export interface Expected {
  readonly format: CheckpointFormat;
  readonly tensors: readonly ExpectedTensor[];
  readonly skipped?: readonly string[];
  readonly metadata?: { readonly [key: string]: string };
  readonly config?: unknown;
  /** Whether the order in the file doesn't matter. */
  readonly sorted?: boolean;
}

export const expected = JSON.parse(readFileSync(fixture('expected.json'), 'utf8')) as {
  readonly [file: string]: Expected;
};

export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** What a checkpoint holds, in the words of expected.json. */
export const seen = (tensors: readonly CheckpointTensor[]): ExpectedTensor[] =>
  tensors.map((tensor) => ({
    name: tensor.name,
    dtype: tensor.dtype,
    shape: tensor.shape,
    bytes: base64(tensor.bytes()),
  }));

export const byName = <T extends { readonly name: string }>(items: readonly T[]): T[] =>
  items.toSorted((a, b) => (a.name < b.name ? -1 : 1));

export function skippedNames(checkpoint: Checkpoint): string[] {
  return checkpoint.skipped.map(({ name }) => name);
}

/** The CheckpointError that an action ends with; any other end fails. */
export async function errorOf(act: () => unknown): Promise<CheckpointError> {
  try {
    await act();
  } catch (error) {
    if (error instanceof CheckpointError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
