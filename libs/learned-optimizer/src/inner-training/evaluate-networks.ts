/** @file Losses and other measures of networks on parts of a task's data that stay the same. */
import { compile, ndarray } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

import type { Part, Task } from '../tasks/task.ts';
import { repeatedTensors } from './repeated-tensors.ts';

const PARTS: readonly Part[] = ['train', 'validation', 'test'];

export interface Evaluation {
  /** Networks of one copy. */
  readonly runs: number;
  readonly batches: number;
  readonly stream: RandomStream;
  readonly threads?: number;
}

/**
 * Evaluates copies × runs networks on the same batches at every call; run r of each copy has the same data.
 *
 * @returns `run` gives `train/loss` (normalized), `train/accuracy` (if the task has it), `validation/loss`, …; shape `[N]` each
 */
export function evaluator(task: Task, { runs, batches, stream, threads = 1 }: Evaluation) {
  const draws = stream.split('evaluation');
  const data = new Map(
    PARTS.map((part) => [
      part,
      Array.from({ length: batches }, (_, i) => task.batch(draws.split(part).split(i), part, runs)),
    ]),
  );
  const measures = (params: Tensors, batch: Tensors): Record<string, Tensor> => {
    const count = Object.values(params)[0]!.shape[0]!;
    const own = repeatedTensors(batch, count / runs);
    return { loss: task.normalize(task.loss(params, own)), ...task.metrics?.(params, own) };
  };
  const compiled = compile(measures, { threads, name: `evaluation of ${task.name}` });
  return {
    run: async (params: NdArrays): Promise<NdArrays> => {
      const values: [string, NdArray][] = [];
      for (const [part, own] of data) {
        const found: NdArrays[] = [];
        for (const batch of own) found.push((await compiled(params as never, batch as never)) as unknown as NdArrays);
        for (const name of Object.keys(found[0]!)) values.push([`${part}/${name}`, meanOf(found.map((f) => f[name]!))]);
      }
      return Object.fromEntries(values);
    },
    release: () => compiled.release(),
  };
}

const meanOf = (arrays: readonly NdArray[]): NdArray =>
  ndarray(
    Float32Array.from(arrays[0]!.data, (_, n) => arrays.reduce((sum, { data }) => sum + data[n]!, 0) / arrays.length),
    arrays[0]!.shape,
  );
