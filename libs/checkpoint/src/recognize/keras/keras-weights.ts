/** @file The tensors of each layer, by the names that Keras 2, Keras 3 and TensorFlow.js give them. */
import { RecognitionError } from '../onnx/recognition-error.ts';
import type { StateDict } from '../state-dict/state-dict.ts';
import type { KerasLayer } from './keras-config.ts';

export class KerasWeights {
  readonly #dict: StateDict;
  /** Folder of each layer in Keras 3's files: its class in snake case, numbered. */
  readonly #folders: ReadonlyMap<string, string>;

  constructor(dict: StateDict, layers: readonly KerasLayer[]) {
    this.#dict = dict;
    this.#folders = foldersOf(layers);
  }

  /** @throws {RecognitionError} when the file has no such tensor, or several */
  find(layer: KerasLayer, role: string, index: number, part?: string): string {
    const own = this.#dict.names.filter((name) => within(name, layer.name));
    const named = own.filter((name) => roleOf(name) === role && (part === undefined || name.includes(part)));
    const found = named.length > 0 ? named : this.#numbered(layer, index, part);
    if (found.length === 1) return found[0]!;
    const place = `weight '${role}' of layer '${layer.name}' (${layer.className})`;
    const got = found.length === 0 ? own.slice(0, 8).join(', ') || 'none of its own' : found.join(', ');
    throw new RecognitionError(
      'recognizeKeras',
      place,
      'stand in the file once',
      got,
      'check that config and weights belong together',
    );
  }

  /** Keras 3: `layers/dense_1/vars/0`, with folders for parts such as `cell`. */
  #numbered({ name }: KerasLayer, index: number, part: string | undefined): string[] {
    for (const folder of [this.#folders.get(name), name]) {
      if (folder === undefined) continue;
      const found = this.#dict.names.filter((tensor) => within(tensor, folder) && tensor.endsWith(`/vars/${index}`));
      const chosen = part === undefined ? found : found.filter((tensor) => tensor.includes(part));
      if (chosen.length > 0) return chosen;
    }
    return [];
  }
}

const within = (name: string, folder: string): boolean => name.startsWith(`${folder}/`) || name.includes(`/${folder}/`);

/** `model/dense/kernel:0` → `kernel`. */
const roleOf = (name: string): string => name.slice(name.lastIndexOf('/') + 1).replace(/:\d+$/, '');

function foldersOf(layers: readonly KerasLayer[]): Map<string, string> {
  const counts = new Map<string, number>();
  return new Map(
    layers.map(({ name, className }) => {
      const folder = snakeCase(className);
      const count = counts.get(folder) ?? 0;
      counts.set(folder, count + 1);
      return [name, count === 0 ? folder : `${folder}_${count}`];
    }),
  );
}

const snakeCase = (name: string): string =>
  name
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
