/** @file Parameters of an architecture that the user gives, found among the tensors of a file. */
import { defineArchitecture } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';

import { checkSources, unmatched } from './draft.ts';
import type { ParameterSource, RecognizedNetwork } from './recognized-network.ts';
import { StateDict } from './state-dict.ts';
import type { NamedTensor } from './state-dict.ts';

/** Names that differ only in '.', '/' and '_' are one. */
const plain = (name: string): string => name.replace(/[./]/g, '_');

/**
 * By names; where these don't fit, one by one in the order of both, if all shapes are equal.
 *
 * @throws {RecognitionError} naming what doesn't fit
 * @throws {ArchitectureError} when the JSON is no architecture
 */
export function matchArchitecture(tensors: readonly NamedTensor[], json: unknown): RecognizedNetwork {
  const architecture = defineArchitecture(json);
  const dict = new StateDict(tensors);
  const sources = byName(architecture, dict) ?? byOrder(architecture, dict);
  for (const { tensor } of sources) dict.take(tensor!);
  if (dict.left.length > 0) throw unmatched(dict.left, 'parameters of the architecture that is given');
  checkSources(architecture, sources, (tensor) => dict.shape(tensor));
  return { scheme: 'given', architecture, sources, carried: dict.carried, notes: [] };
}

function byName({ parameters }: Architecture, dict: StateDict): ParameterSource[] | undefined {
  const names = new Map(dict.names.map((name) => [plain(name), name]));
  const found = parameters.flatMap(({ name }) => {
    const tensor = names.get(plain(name));
    return tensor === undefined ? [] : [{ parameter: name, tensor, steps: [], copies: [] }];
  });
  return found.length === parameters.length ? found : undefined;
}

function byOrder({ parameters }: Architecture, dict: StateDict): ParameterSource[] {
  const tensors = dict.names;
  return parameters.map(({ name, shape }, i) => {
    const tensor = tensors[i];
    if (tensor !== undefined && dict.shape(tensor).join() === shape.join()) {
      return { parameter: name, tensor, steps: [], copies: [] };
    }
    const expected = `like the parameters of the architecture, of which '${name}' has shape [${shape.join(', ')}]`;
    throw unmatched(tensor === undefined ? ['nothing'] : [tensor], expected);
  });
}
