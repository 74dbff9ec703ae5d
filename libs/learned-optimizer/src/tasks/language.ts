/** @file Language models on bytes: data, losses and measures that all of them share. */
import type { Architecture } from '@weightspace/architecture';
import { ndarray, tf } from '@weightspace/compute';
import type { NdArrays, RandomStream } from '@weightspace/compute';
import { loadText, textNames } from '@weightspace/dataset';

import { LearnedOptimizerError } from '../kinds.ts';
import { classificationTask } from './classification.ts';
import { checkKnown } from './draws.ts';
import type { Part, Task } from './task.ts';

/** Values of a byte. */
export const BYTES = 256;

export interface LanguageOptions {
  readonly name: string;
  /** From `length` bytes, as indices, to `BYTES` logits at each of them. */
  readonly architecture: Architecture;
  /** Name of a text of libs/dataset. */
  readonly text: string;
  readonly length: number;
  readonly init: string;
  readonly batch: number;
}

/**
 * Predicts each byte of a text from those before it: cross entropy in nats, the mean over bytes.
 *
 * Normalized losses are cut at 1.5 · log 256. `bitsPerByte` is the loss by log 2. The first eight tenths of the text are for training,
 * the next for validation, the last for testing; pieces of `length` + 1 bytes begin anywhere in their part.
 * Source: learned_optimization's byte language models. Departs: another text than LM1B; no padding.
 */
export function languageTask({ name, architecture, text, length, init, batch }: LanguageOptions): Task {
  const task = classificationTask({
    name: `${text}, ${name}, ${init}, length ${length}, batch ${batch}`,
    architecture,
    classes: BYTES,
    init,
    batch: (stream, part, count) => drawPieces(text, length, stream, part, [count, batch]),
  });
  return {
    ...task,
    metrics: (params, data) => ({
      ...task.metrics!(params, data),
      bitsPerByte: tf.div(task.loss(params, data), Math.LN2),
    }),
  };
}

/** @throws {LearnedOptimizerError} on an unknown text, or a length that doesn't fit into a tenth of it */
export function checkText(kind: string, text: string, length: number): void {
  checkKnown(kind, 'text', text, textNames());
  const [from, to] = rangeOf(bytesOf(text).length, 'test');
  if (Number.isSafeInteger(length) && length >= 1 && length < to - from) return;
  throw new LearnedOptimizerError(kind, `length must be a whole number from 1 to ${to - from - 1}, got ${length}`);
}

const loaded = new Map<string, Uint8Array>();

/** Read once, then kept for all tasks. */
function bytesOf(text: string): Uint8Array {
  const bytes = loaded.get(text) ?? loadText(text).bytes;
  loaded.set(text, bytes);
  return bytes;
}

/** First byte of a part, and the one behind its last. */
function rangeOf(size: number, part: Part): readonly [number, number] {
  const [validation, test] = [Math.floor(0.8 * size), Math.floor(0.9 * size)];
  return { train: [0, validation], validation: [validation, test], test: [test, size] }[part] as [number, number];
}

/** `inputs` `[N, B, L, 1]`: bytes; `labels` `[N, B, L]`: the byte behind each. */
function drawPieces(
  text: string,
  length: number,
  stream: RandomStream,
  part: Part,
  [count, batch]: readonly [number, number],
): NdArrays {
  const bytes = bytesOf(text);
  const [from, to] = rangeOf(bytes.length, part);
  const inputs = new Int32Array(count * batch * length);
  const labels = new Int32Array(inputs.length);
  for (let i = 0; i < count * batch; i++) {
    const start = from + stream.integer(to - from - length);
    inputs.set(bytes.subarray(start, start + length), i * length);
    labels.set(bytes.subarray(start + 1, start + length + 1), i * length);
  }
  return {
    inputs: ndarray(inputs, [count, batch, length, 1]),
    labels: ndarray(labels, [count, batch, length]),
  };
}
