/** @file PyTorch checkpoints of an architecture: names and shapes are compared before weights are read. */
import type { Architecture } from '@weightspace/architecture';
import { openCheckpoint } from '@weightspace/checkpoint';
import type { Checkpoint } from '@weightspace/checkpoint';

import type { ParameterPlace, WeightReader } from './import-plan.ts';
import { refusal } from './refuse.ts';

/** Settings in it may be of classes of their authors'. Nothing of the file is executed. */
export const openTorch = (file: string): Promise<Checkpoint> => openCheckpoint(file, { unknownClasses: 'inert' });

/**
 * Reads tensors by name.
 *
 * @param names the checkpoint's name for each parameter of the architecture
 * @param prefix of the network's tensors in the checkpoint, such as `model.`
 * @throws {ZooError} when one is missing or of another shape, or the network has more of them
 */
export function tensorReader(
  { parameters }: Architecture,
  checkpoint: Checkpoint,
  names: (parameter: string) => string,
  prefix = '',
): WeightReader {
  const { file } = checkpoint;
  const own = checkpoint.tensors.filter(({ name }) => name.startsWith(prefix) && !name.endsWith('num_batches_tracked'));
  const byName = new Map(own.map((tensor) => [tensor.name, tensor]));
  const places: { [parameter: string]: ParameterPlace } = {};
  for (const { name: parameter, shape } of parameters) {
    const name = `${prefix}${names(parameter)}`;
    const found = byName.get(name);
    const expected = `float32 [${shape.join(', ')}]`;
    if (!found)
      throw refusal({
        file,
        expected: `a tensor ${name}, ${expected}`,
        found: namesOf(own.map((tensor) => tensor.name)),
      });
    if (found.dtype !== 'float32' || found.shape.join() !== shape.join())
      throw refusal({ file, at: name, expected, found: `${found.dtype} [${found.shape.join(', ')}]` });
    byName.delete(name);
    places[parameter] = { from: 'tensor', name };
  }
  if (byName.size > 0)
    throw refusal({
      file,
      expected: `the ${parameters.length} tensors of the network`,
      found: `also ${namesOf([...byName.keys()])}`,
    });
  return { places };
}

const namesOf = (names: readonly string[]): string =>
  names.length === 0 ? 'none' : `${names.slice(0, 6).join(', ')}${names.length > 6 ? ', …' : ''}`;
