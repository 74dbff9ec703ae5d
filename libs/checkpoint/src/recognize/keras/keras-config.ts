/** @file A Keras model's configuration in one form, whichever version wrote it. */
import { RecognitionError } from '../onnx/recognition-error.ts';

export type KerasConfig = { readonly [key: string]: unknown };

/** A tensor by the layer that gives it, which of its calls, and which of its outputs. */
export interface KerasTensor {
  readonly layer: string;
  readonly call: number;
}

export interface KerasCall {
  readonly inputs: readonly KerasTensor[];
  readonly options: KerasConfig;
}

export interface KerasLayer {
  readonly name: string;
  readonly className: string;
  readonly config: KerasConfig;
  /** Each time that the layer is applied. */
  readonly calls: readonly KerasCall[];
}

export interface KerasModel {
  readonly name: string;
  readonly layers: readonly KerasLayer[];
  readonly outputs: readonly KerasTensor[];
}

const fn = 'recognizeKeras';
export const isRecord = (value: unknown): value is KerasConfig =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @throws {RecognitionError} when it is no Sequential or Functional model */
export function parseKerasModel(json: unknown): KerasModel {
  const model = unwrap(json);
  const [className, config] = [String(model['class_name']), model['config']];
  const layers = Array.isArray(config) ? (config as unknown[]) : isRecord(config) ? config['layers'] : undefined;
  if (!Array.isArray(layers) || !layers.every(isRecord)) {
    throw new RecognitionError(fn, 'the configuration', 'have a list of layers', className);
  }
  const name = isRecord(config) && typeof config['name'] === 'string' ? config['name'] : 'keras';
  if (className === 'Sequential') return sequential(name, layers, config as KerasConfig);
  if (className !== 'Functional' && className !== 'Model') {
    throw new RecognitionError(
      fn,
      'the model',
      'be Sequential or Functional',
      className,
      'give an architecture as JSON',
    );
  }
  const graph = config as KerasConfig;
  return { name, layers: layers.map(layerOf), outputs: tensorsOf(graph['output_layers'] ?? graph['outputLayers']) };
}

function unwrap(json: unknown): KerasConfig {
  const value: unknown = typeof json === 'string' ? JSON.parse(json) : json;
  if (isRecord(value) && isRecord(value['model_config'])) return value['model_config'];
  if (isRecord(value)) return value;
  throw new RecognitionError(fn, 'the configuration', 'be a record', typeof value);
}

function layerOf(json: KerasConfig): KerasLayer {
  const config = isRecord(json['config']) ? json['config'] : {};
  const nodes = json['inbound_nodes'] ?? json['inboundNodes'];
  const calls = Array.isArray(nodes) ? (nodes as unknown[]).map(callOf) : [];
  const build = json['build_config'];
  const shape = isRecord(build) ? build['input_shape'] : undefined;
  const built = shape === undefined ? {} : { build_shape: shape };
  const name = String(json['name'] ?? config['name']);
  return { name, className: String(json['class_name']), config: { ...built, ...config }, calls };
}

/** Layers in a row; what they read stands in the first one, or in the model. */
function sequential(name: string, list: readonly KerasConfig[], model: KerasConfig): KerasModel {
  const layers = list.map(layerOf);
  const [first] = layers;
  if (first && first.className !== 'InputLayer') {
    const { config } = first;
    const shape =
      config['batch_input_shape'] ?? config['batch_shape'] ?? model['build_input_shape'] ?? config['build_shape'];
    layers.unshift({ name: `${first.name}_input`, className: 'InputLayer', config: { batch_shape: shape }, calls: [] });
  }
  const chained = layers.map((layer, i) => {
    const before = layers[i - 1];
    return before ? { ...layer, calls: [{ inputs: [{ layer: before.name, call: 0 }], options: {} }] } : layer;
  });
  return { name, layers: chained, outputs: [{ layer: layers.at(-1)!.name, call: 0 }] };
}

/** Keras 2 lists `[layer, call, output, options]`; Keras 3 has records of arguments. */
function callOf(node: unknown): KerasCall {
  if (isRecord(node)) {
    const options = isRecord(node['kwargs']) ? node['kwargs'] : {};
    return { inputs: [...tensorsOf(node['args']), ...tensorsOf(Object.values(options))], options };
  }
  const entries = node as readonly unknown[];
  const options = entries.flatMap((entry) => (Array.isArray(entry) && isRecord(entry[3]) ? [entry[3]] : []));
  const merged = Object.assign({}, ...options) as KerasConfig;
  const named = ['value', 'key'].flatMap((own) => (own in merged ? tensorsOf(merged[own]) : []));
  return { inputs: [...tensorsOf(entries), ...named], options: merged };
}

/** All tensors that a value names, at any depth. */
function tensorsOf(value: unknown): KerasTensor[] {
  if (isRecord(value)) {
    const history = isRecord(value['config']) ? value['config']['keras_history'] : undefined;
    return history === undefined ? [] : tensorsOf(history);
  }
  if (!Array.isArray(value)) return [];
  const [layer, call, output] = value as readonly unknown[];
  if (typeof layer === 'string' && typeof call === 'number' && typeof output === 'number') return [{ layer, call }];
  return (value as readonly unknown[]).flatMap(tensorsOf);
}
