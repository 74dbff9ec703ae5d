import { RecognitionError } from '../onnx/recognition-error.ts';
import { Draft, layerName } from '../state-dict/draft.ts';
import type { RecognizeOptions } from '../state-dict/options.ts';
import type { RecognizedNetwork } from '../state-dict/recognized-network.ts';
import { StateDict } from '../state-dict/state-dict.ts';
import type { NamedTensor } from '../state-dict/state-dict.ts';
import { parseKerasModel } from './keras-config.ts';
import type { KerasLayer, KerasModel, KerasTensor } from './keras-config.ts';
import { LayerReading } from './keras-layer.ts';
import type { KerasValue } from './keras-layer.ts';
import { KerasWeights } from './keras-weights.ts';
import { readers } from './layers/index.ts';

/** Where a configuration leaves an image's or a sequence's size open. */
const OPEN_SIZE = 32;

/** Keras's classes of layers that are known. */
export const kerasLayers = (): string[] => Object.keys(readers);

/**
 * The network that a Keras or TensorFlow.js layers model describes, with its weights in the architecture's layout.
 *
 * Kernels are [in, out] and [height, width, in, out] there and [out, in, …] here, the channels of a flattened image are the
 * fastest there and the slowest here, a GRU's gates are z r h there and r z n here; `sources` say how each parameter stands in
 * the file.
 *
 * @param config of the model: `Checkpoint.config` of .h5, .keras and model.json
 * @param tensors as `openCheckpoint` gives them, or names and shapes alone
 * @throws {RecognitionError} naming the layer that isn't known, or the setting of it
 */
export function recognizeKeras(
  config: unknown,
  tensors: readonly NamedTensor[],
  options: RecognizeOptions = {},
): RecognizedNetwork {
  const model = parseKerasModel(config);
  const draft = new Draft(new StateDict(tensors));
  const values = new Map<string, KerasValue>();
  const weights = new KerasWeights(draft.dict, model.layers);
  const pending = new Set(model.layers.flatMap((layer) => callsOf(layer).map((_, index) => ({ layer, index }))));
  // Layers stand in any order; each round takes those whose inputs are there.
  for (let progress = true; progress && pending.size > 0;) {
    progress = false;
    for (const item of pending) {
      const value = readCall(item.layer, item.index, { model, draft, weights, values, options });
      if (!value) continue;
      values.set(keyOf({ layer: item.layer.name, call: item.index }), value);
      pending.delete(item);
      progress = true;
    }
  }
  const outputs = model.outputs.map((tensor) => values.get(keyOf(tensor)));
  if (outputs.some((value) => value === undefined)) {
    const stuck = [...pending]
      .map(({ layer }) => layer.name)
      .slice(0, 5)
      .join(', ');
    throw new RecognitionError('recognizeKeras', 'the model', 'have outputs that its layers give', stuck || 'none');
  }
  return finish(draft, model, outputs as KerasValue[], options);
}

function finish(
  draft: Draft,
  model: KerasModel,
  outputs: readonly KerasValue[],
  options: RecognizeOptions,
): RecognizedNetwork {
  if (outputs.some(({ order }) => order))
    draft.note('the output holds the positions of one channel side by side, not as in Keras');
  const positioned = new Set(outputs.filter(({ positions }) => positions.length > 0).map(({ value }) => value));
  const output = draft.outputs([...new Set(outputs.map(({ value }) => value))], positioned);
  return draft.finish('keras', options.name ?? model.name, output);
}

const keyOf = ({ layer, call }: KerasTensor): string => `${call} ${layer}`;

/** An input has no calls, but gives a value. */
const callsOf = (layer: KerasLayer) => (layer.calls.length === 0 ? [{ inputs: [], options: {} }] : layer.calls);

interface Reading {
  readonly model: KerasModel;
  readonly draft: Draft;
  readonly weights: KerasWeights;
  readonly values: ReadonlyMap<string, KerasValue>;
  readonly options: RecognizeOptions;
}

/** Undefined while its inputs are missing. */
function readCall(
  layer: KerasLayer,
  index: number,
  { model, draft, weights, values, options }: Reading,
): KerasValue | undefined {
  const call = callsOf(layer)[index]!;
  if (layer.className === 'InputLayer') return addInput(model, layer, draft, options);
  const inputs = call.inputs.map((tensor) => values.get(keyOf(tensor)));
  if (inputs.some((value) => value === undefined)) return undefined;
  const reader = Object.hasOwn(readers, layer.className) ? readers[layer.className] : undefined;
  const at = new LayerReading({ draft, weights, layer, call, index, inputs: inputs as KerasValue[] });
  if (!reader) at.fail('class', `one of ${kerasLayers().join(', ')}`, layer.className);
  return reader!(at);
}

function addInput(model: KerasModel, layer: KerasLayer, draft: Draft, options: RecognizeOptions): KerasValue {
  const { config } = layer;
  const shape = config['batch_input_shape'] ?? config['batch_shape'] ?? config['batchInputShape'];
  if (!Array.isArray(shape)) {
    const expected = 'say the shape of the input';
    throw new RecognitionError('recognizeKeras', `layer '${layer.name}'`, expected, JSON.stringify(shape) ?? 'nothing');
  }
  const sizes = (shape as readonly (number | null)[]).slice(1);
  const name = layerName(layer.name);
  const words = readersOf(model, layer).find(({ className }) => className === 'Embedding');
  const open = sizes.map((n, i) => n ?? options.positions?.[i] ?? OPEN_SIZE);
  if (open.some((n, i) => sizes[i] === null && options.positions?.[i] === undefined && n === OPEN_SIZE)) {
    draft.note(`'${layer.name}' leaves sizes open: ${open.join(' × ')} is assumed (option positions)`);
  }
  if (words) {
    const indices = Number(words.config['input_dim']);
    const value = draft.input({ name, size: 1, positions: open, indices });
    return { value, channels: 1, positions: open };
  }
  const [positions, size] = [open.slice(0, -1), open.at(-1) ?? 1];
  const value = draft.input({ name, size, ...(positions.length > 0 && { positions }) });
  return { value, channels: size, positions };
}

const readersOf = (model: KerasModel, { name }: KerasLayer): KerasLayer[] =>
  model.layers.filter(({ calls }) => calls.some(({ inputs }) => inputs.some(({ layer }) => layer === name)));
