/** @file One update of a trained optimizer as a model of its own. */
import type { Architecture } from '@weightspace/architecture';
import { exportOnnx, zeros } from '@weightspace/compute';
import type { NdArrays, Tensors } from '@weightspace/compute';

import type { SavedOptimizer } from './saved-optimizer.ts';
import { trainingOptimizer } from './training-optimizer.ts';
import type { TrainingOptimizerOptions } from './training-optimizer.ts';

export interface ExportedUpdate {
  /** A model of standard operators alone. */
  readonly bytes: Uint8Array;
  /** State before the first step, by name. */
  readonly state: NdArrays;
}

/**
 * The update of one network of an architecture as an ONNX model, its meta-parameters inside. All arrays are float32.
 *
 * | input                | shape                                | output              |
 * | -------------------- | ------------------------------------ | ------------------- |
 * | `in.0.params.<name>` | the parameter's                      | `out.params.<name>` |
 * | `in.0.grads.<name>`  | the parameter's                      | (none)              |
 * | `in.0.state.<name>`  | as in `state`, which is the first    | `out.state.<name>`  |
 *
 * Outputs are the next call's inputs. Inputs that the update doesn't need are absent from the model.
 *
 * @throws {SavedOptimizerError} {LearnedOptimizerError} when it doesn't fit the architecture
 */
export function exportUpdate(
  saved: SavedOptimizer,
  architecture: Architecture,
  options: Omit<TrainingOptimizerOptions, 'stacked'> = {},
): ExportedUpdate {
  const optimizer = trainingOptimizer(saved, architecture, options);
  const params = Object.fromEntries(architecture.parameters.map(({ name, shape }) => [name, zeros(shape)]));
  const state = optimizer.init(params);
  const update = (given: { readonly params: Tensors; readonly grads: Tensors; readonly state: Tensors }) =>
    optimizer.update(given.grads, given.state, given.params, 1);
  const bytes = exportOnnx(update as never, [{ params, grads: params, state }] as never, `update of ${saved.kind}`);
  return { bytes, state };
}
