/** @file An architecture while it is being recognized: layers, and the tensors that their parameters stand in. */
import { architectureSchema, defineArchitecture } from '@weightspace/architecture';
import type { Architecture, InputSpec } from '@weightspace/architecture';

import { RecognitionError } from '../onnx/recognition-error.ts';
import { stepsShape } from './rearrange.ts';
import type { ParameterSource, RecognizedNetwork, Step } from './recognized-network.ts';
import type { StateDict } from './state-dict.ts';

export type Settings = { readonly [setting: string]: unknown };

/** A tensor of the file, or how it becomes the parameter, or the number that stands for one that the file hasn't. */
export type Origin = string | number | { readonly tensor: string; readonly steps: readonly Step[] };

export type Origins = { readonly [parameter: string]: Origin };

const REMEDY = 'give an architecture as JSON (option architecture)';

export class Draft {
  readonly dict: StateDict;
  readonly notes: string[] = [];
  /** Channels of values, as far as schemes have said them: convolutions with groups are told by them. */
  readonly channels = new Map<string, number>();
  readonly #layers: Settings[] = [];
  readonly #sources: ParameterSource[] = [];
  readonly #inputs: InputSpec[] = [];

  constructor(dict: StateDict) {
    this.dict = dict;
  }

  note(text: string): void {
    if (!this.notes.includes(text)) this.notes.push(text);
  }

  input(input: InputSpec): string {
    this.#inputs.push(input);
    return input.name;
  }

  /** @param origins tensors of its own parameters by their names in the kind @returns the name of what it writes */
  add(
    name: string,
    kind: string,
    from: string | readonly string[],
    settings: Settings = {},
    origins: Origins = {},
  ): string {
    const inputs = typeof from === 'string' ? [from] : from;
    const layer = layerName(name);
    this.#layers.push({ name: layer, kind, inputs, ...settings });
    for (const [own, origin] of Object.entries(origins)) this.place(`${layer}.${own}`, origin);
    return (settings['output'] as string | undefined) ?? layer;
  }

  /** Groups of a convolution whose weight reads fewer channels than there are. */
  groups(value: string, weight: string): number {
    const [all, read = 1] = [this.channels.get(value), this.dict.shape(weight)[1]];
    return all === undefined || all % read !== 0 ? 1 : all / read;
  }

  /** Says where a parameter stands. */
  place(parameter: string, origin: Origin): void {
    if (typeof origin === 'number') {
      this.#sources.push({ parameter, tensor: undefined, constant: origin, steps: [], copies: [] });
      return;
    }
    const { tensor, steps } = typeof origin === 'string' ? { tensor: origin, steps: [] } : origin;
    this.dict.take(tensor);
    this.#sources.push({ parameter, tensor, steps, copies: [] });
  }

  /** Says that another tensor holds the same as one that has been placed. */
  copy(of: string, copy: string): void {
    const i = this.#sources.findIndex(({ tensor }) => tensor === of);
    this.#sources[i] = { ...this.#sources[i]!, copies: [...this.#sources[i]!.copies, copy] };
    this.dict.take(copy);
  }

  /**
   * Whether a tensor, or the lack of one, is a second use of one that has been placed.
   *
   * @returns the parameter that both are
   */
  tied(first: string, second: string): string | undefined {
    const parameter = this.#sources.find(({ tensor }) => tensor === first)?.parameter;
    if (parameter === undefined || !this.dict.has(second)) return parameter;
    const same = this.dict.same(first, second);
    if (same === false) return undefined;
    if (same === undefined) this.note(`'${second}' is assumed to be '${first}': their values weren't compared`);
    this.copy(first, second);
    return parameter;
  }

  /** A layer of weight and, where the file has it, bias, under the file's own name. */
  addNamed(tensor: string, kind: string, from: string, settings: Settings = {}, name = tensor): string {
    const { bias, ...rest } = weightAndBias(this.dict, tensor);
    const shift = bias ?? (kind.endsWith('layer-norm') ? 0 : undefined);
    const origins = { ...rest, ...(shift !== undefined && { bias: shift }) };
    const hasBias = /^(linear|conv\d+d)$/.test(kind) ? { bias: bias !== undefined } : {};
    return this.add(name, kind, from, { ...hasBias, ...settings }, origins);
  }

  /**
   * One value of all that the network gives.
   *
   * @param values names; several are put one behind the other, so that all their neurons stay in place
   */
  outputs(values: readonly string[], positioned: ReadonlySet<string>): string {
    if (values.length === 1) return values[0]!;
    const flat = values.map((value) => (positioned.has(value) ? this.add(`${value}_flat`, 'flatten', value) : value));
    this.note(`the network gives several values: ${values.join(', ')}; the output holds one behind the other`);
    return this.add('outputs', 'concat', flat);
  }

  /** @throws {RecognitionError} when tensors of the file are left, or shapes don't fit */
  finish(scheme: string, name: string, output: string): RecognizedNetwork {
    const { left } = this.dict;
    if (left.length > 0) throw unmatched(left, `a part of the scheme ${scheme}`);
    const architecture = defined(scheme, {
      schema: architectureSchema,
      name,
      inputs: this.#inputs,
      layers: this.#layers,
      output,
    });
    checkSources(architecture, this.#sources, (tensor) => this.dict.shape(tensor));
    return { scheme, architecture, sources: this.#sources, carried: this.dict.carried, notes: this.notes };
  }
}

/** Names of layers hold no '.' and no '/'. */
export const layerName = (name: string): string => name.replace(/[^\w-]/g, '_') || 'layer';

export function unmatched(names: readonly string[], expected: string): RecognitionError {
  const shown = names.slice(0, 12).join(', ') + (names.length > 12 ? `, … (${names.length} in all)` : '');
  const place = names.length === 1 ? 'the tensor' : 'the tensors';
  return new RecognitionError('recognizeStateDict', place, `be ${expected}`, shown, REMEDY);
}

function defined(scheme: string, spec: unknown): Architecture {
  try {
    return defineArchitecture(spec);
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new RecognitionError('recognize', '', `have shapes that fit the scheme ${scheme}`, got, REMEDY, { cause });
  }
}

/** @throws {RecognitionError} unless every parameter has a tensor of its shape */
export function checkSources(
  { parameters }: Architecture,
  sources: readonly ParameterSource[],
  shapeOf: (tensor: string) => readonly number[],
): void {
  const byName = new Map(sources.map((source) => [source.parameter, source]));
  for (const { name, shape } of parameters) {
    const source = byName.get(name);
    if (!source) throw new RecognitionError('recognize', `parameter '${name}'`, 'stand in the file', 'none', REMEDY);
    if (source.tensor === undefined) continue;
    const found = stepsShape(shapeOf(source.tensor), source.steps, `'${source.tensor}'`);
    if (found.join() === shape.join()) continue;
    const [expected, got] = [`have shape [${shape.join(', ')}] in the architecture's layout`, `[${found.join(', ')}]`];
    throw new RecognitionError('recognize', `'${source.tensor}'`, expected, got, REMEDY);
  }
}

/** Names of a layer's weight and bias; some old BERTs call those of norms gamma and beta. */
export function weightAndBias(dict: StateDict, tensor: string): { weight: string; bias?: string } {
  const pick = (names: readonly string[]) => names.map((name) => `${tensor}.${name}`).find((name) => dict.has(name));
  const weight = pick(['weight', 'gamma']) ?? `${tensor}.weight`;
  const bias = pick(['bias', 'beta']);
  return { weight, ...(bias !== undefined && { bias }) };
}
