/** @file A layer while it becomes layers of an architecture: what it reads, and its weights. */
import { RecognitionError } from '../onnx/recognition-error.ts';
import { layerName } from '../state-dict/draft.ts';
import type { Draft, Origin, Origins, Settings } from '../state-dict/draft.ts';
import type { Step } from '../state-dict/recognized-network.ts';
import type { KerasCall, KerasConfig, KerasLayer } from './keras-config.ts';
import type { KerasWeights } from './keras-weights.ts';

/** A value of the architecture, and how Keras orders its channels where that differs: ours i is Keras's order[i]. */
export interface KerasValue {
  readonly value: string;
  readonly channels: number;
  readonly positions: readonly number[];
  readonly order?: readonly number[] | undefined;
}

export interface LayerContext {
  readonly draft: Draft;
  readonly weights: KerasWeights;
  readonly layer: KerasLayer;
  readonly call: KerasCall;
  /** Which call of the layer it is. */
  readonly index: number;
  readonly inputs: readonly KerasValue[];
}

/** Makes layers of the architecture out of one of Keras. */
export type LayerReader = (at: LayerReading) => KerasValue;

export class LayerReading {
  readonly #context: LayerContext;

  constructor(context: LayerContext) {
    this.#context = context;
  }

  get config(): KerasConfig {
    return this.#context.layer.config;
  }
  get draft(): Draft {
    return this.#context.draft;
  }
  get inputs(): readonly KerasValue[] {
    return this.#context.inputs;
  }
  get call(): KerasCall {
    return this.#context.call;
  }
  get layer(): KerasLayer {
    return this.#context.layer;
  }
  /** What it reads, where that is one value. */
  get x(): KerasValue {
    const [x] = this.inputs;
    return x ?? this.fail('inputs', 'one value', 'none');
  }

  /** The same for a layer inside this one, such as a wrapped one. */
  inner(config: KerasConfig, name = this.layer.name): LayerReading {
    const { layer } = this.#context;
    return new LayerReading({ ...this.#context, layer: { ...layer, name, config } });
  }

  flag(key: string, standard: boolean): boolean {
    const value = this.config[key] ?? standard;
    return typeof value === 'boolean' ? value : this.fail(key, 'true or false', value);
  }

  number(key: string, standard?: number): number {
    const value = this.config[key] ?? standard;
    return typeof value === 'number' ? value : this.fail(key, 'a number', value);
  }

  /** One whole number for each axis. */
  sizes(key: string, axes: number, standard: number): number[] {
    const value = this.config[key] ?? standard;
    const list = Array.isArray(value) ? (value as unknown[]) : Array<unknown>(axes).fill(value);
    if (list.length === axes && list.every((n): n is number => Number.isSafeInteger(n))) return list;
    return this.fail(key, `${axes} whole numbers`, value);
  }

  /** Where a weight stands; `index` is its place among those of its part of the layer, as Keras 3 numbers them. */
  weight(role: string, index: number, steps: readonly Step[] = [], part?: string): Origin {
    const { weights, layer } = this.#context;
    return { tensor: weights.find(layer, role, index, part), steps };
  }

  /** A weight's shape as it is stored. */
  weightShape(role: string, index: number): readonly number[] {
    return this.draft.dict.shape(this.#context.weights.find(this.layer, role, index));
  }

  /** Takes indices of an axis in our order of the value's channels. */
  static reordered({ order }: KerasValue, axis: number): Step[] {
    return order ? [{ gather: { axis, order } }] : [];
  }

  /** @param suffix of the layer's name, where it becomes several */
  add(kind: string, from: readonly KerasValue[], settings: Settings, origins: Origins, suffix = ''): string {
    const { draft, layer, index } = this.#context;
    const name = layerName(`${layer.name}${suffix}${index === 0 ? '' : `_call${index}`}`);
    const inputs = from.map(({ value }) => value);
    if (index === 0) return draft.add(name, kind, inputs, settings, origins);
    const first = layerName(`${layer.name}${suffix}`);
    const tied = Object.fromEntries(Object.keys(origins).map((own) => [own, { parameter: `${first}.${own}` }]));
    return draft.add(name, kind, inputs, { ...settings, ...(Object.keys(tied).length > 0 && { tied }) });
  }

  fail(what: string, expected: string, found: unknown): never {
    const { name, className } = this.layer;
    const got = typeof found === 'string' ? found : JSON.stringify(found);
    const remedy = 'give an architecture as JSON (option architecture), or export to ONNX';
    throw new RecognitionError(
      'recognizeKeras',
      `${what} of layer '${name}' (${className})`,
      `be ${expected}`,
      got,
      remedy,
    );
  }
}
