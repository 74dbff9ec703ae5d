import '../activations.ts';
import { RecognitionError } from '../onnx/recognition-error.ts';
import { Draft, unmatched } from './draft.ts';
import { matchArchitecture } from './given-architecture.ts';
import type { RecognizeOptions } from './options.ts';
import type { RecognizedNetwork } from './recognized-network.ts';
import { schemes } from './schemes/index.ts';
import { StateDict } from './state-dict.ts';
import type { NamedTensor } from './state-dict.ts';

/** Names of the schemes, in the order in which they are tried. */
export const stateDictSchemes = (): string[] => schemes.map(({ name }) => name);

/**
 * The network whose parameters these are, from names and shapes: ResNets, VGGs, vision transformers, BERT, GPT-2,
 * PyTorch's transformer encoders and recurrent layers, and plain chains of layers.
 *
 * What names and shapes don't say is assumed; `notes` tells what, and options change it.
 *
 * @param tensors as `openCheckpoint` gives them, or names and shapes alone
 * @throws {RecognitionError} when they fit no scheme, or a part is left over: it names these tensors
 * @throws {ArchitectureError} when `options.architecture` is no architecture
 */
export function recognizeStateDict(tensors: readonly NamedTensor[], options: RecognizeOptions = {}): RecognizedNetwork {
  if (options.architecture !== undefined) return matchArchitecture(tensors, options.architecture);
  const dict = new StateDict(tensors);
  const scheme = schemes.find(({ matches }) => matches(dict));
  if (!scheme) throw unmatched(dict.names, `those of one of the schemes ${stateDictSchemes().join(', ')}`);
  const draft = new Draft(dict);
  try {
    const { output, name } = scheme.build(draft, options);
    return draft.finish(scheme.name, name, output);
  } catch (error) {
    if (error instanceof RecognitionError) throw error;
    throw new RecognitionError('recognizeStateDict', '', `fit the scheme ${scheme.name}`, String(error), undefined, {
      cause: error,
    });
  }
}
