/** @file One set of parameters for all architectures of a zoo, where a kind of metanet allows it. */
import type { Architecture } from '@weightspace/architecture';
import { mapValues } from '@weightspace/compute';
import type { NdArray, NdArrays, RandomStream } from '@weightspace/compute';
import { UsageError } from '@weightspace/experiment';
import { createMetanet, createMixedMetanet, metanetKind, metanetKinds } from '@weightspace/metanet';
import type { Metanet, MixedMetanet, Networks, Settings } from '@weightspace/metanet';

export interface ModelChoice {
  readonly kind: string;
  readonly settings: Settings;
}

/**
 * `same`: what it computes depends on shapes alone, and all architectures have the same; `each`: parameters fit all
 * architectures, each of which has a function of its own; `mixed`: any networks may share a batch, too.
 */
export type Sharing = 'same' | 'each' | 'mixed';

export interface SharedModel {
  readonly kind: string;
  readonly sharing: Sharing;
  readonly parameterCount: number;
  readonly initialize: (stream: RandomStream) => NdArrays;
  readonly measure: (networks: readonly Networks[], stream: RandomStream) => NdArrays;
  /** @throws {UsageError} where an architecture needs other parameters */
  readonly on: (architecture: Architecture) => Metanet;
  readonly mixed: MixedMetanet | undefined;
}

/** Kinds that don't know which activation a neuron has; a test compares what they give. */
export const blindKinds: readonly string[] = [
  ...['stat-nn', 'flat-mlp', 'deep-sets', 'set-transformer'],
  ...['nfn-np', 'nfn-hnp', 'nft', 'unf'],
];

const isBlind = ({ kind, settings }: ModelChoice): boolean => {
  const all = { ...metanetKind(kind).settings, ...settings };
  return blindKinds.includes(kind) && !((all['probes'] as number | undefined) ?? 0) && all['canonicalSigns'] !== true;
};

/** Kinds that take architectures of any different shapes. */
export const mixedKinds = (): string[] => metanetKinds().flatMap(({ kind, mix }) => (mix === undefined ? [] : [kind]));

/** Names and shapes of parameters. */
const shapesOf = ({ parameters }: Architecture): string =>
  parameters.map(({ name, shape }) => `${name}[${shape.join()}]`).join(' ');

/** @throws {UsageError} when the kind has no parameters that fit all of them */
export function shareModel(choice: ModelChoice, architectures: readonly Architecture[]): SharedModel {
  const { kind, settings } = choice;
  const [first] = architectures;
  const alike = architectures.every((own) => shapesOf(own) === shapesOf(first!));
  const { mix } = metanetKind(kind);
  if (architectures.length > 1 && mix && !(alike && isBlind(choice))) return mixedModel(choice, architectures);
  if (!alike)
    throw new UsageError(
      `model.kind: must be one of ${mixedKinds().join(', ')} for architectures of different shapes (${architectures.length} in all), got '${kind}'`,
    );
  const model = createMetanet(kind, first!, 1, settings);
  if (model.calibrate)
    throw new UsageError(
      `model.kind: ${kind} normalizes by statistics of the batch, which this app doesn't; choose another`,
    );
  const on = (architecture: Architecture): Metanet => {
    if (architecture.signature === first!.signature) return model;
    const other =
      shapesOf(architecture) === shapesOf(first!) ? createMetanet(kind, architecture, 1, settings) : undefined;
    if (other?.parameterCount === model.parameterCount) return other;
    throw new UsageError(
      `architecture: ${kind} was made for networks like ${first!.signature}, and has no parameters for ${architecture.signature}; train one on such networks, or of a kind that takes several: ${mixedKinds().join(', ')}`,
    );
  };
  for (const own of architectures) on(own);
  return {
    kind,
    sharing: architectures.length === 1 || isBlind(choice) ? 'same' : 'each',
    parameterCount: model.parameterCount,
    initialize: model.initialize,
    measure: (networks, stream) => model.measure(stackedWeights(networks), stream),
    on,
    mixed: undefined,
  };
}

function mixedModel({ kind, settings }: ModelChoice, architectures: readonly Architecture[]): SharedModel {
  const mixed = createMixedMetanet(kind, architectures, 1, settings);
  const known = new Map(architectures.map((own) => [own.signature, own]));
  return {
    kind,
    sharing: 'mixed',
    parameterCount: mixed.parameterCount,
    initialize: mixed.initialize,
    measure: mixed.measure,
    on: (architecture) => mixed.on(known.get(architecture.signature) ?? architecture),
    mixed,
  };
}

/** Networks with the same parameters in one stack. */
function stackedWeights(networks: readonly Networks[]): NdArrays {
  const [first, ...others] = networks;
  if (others.length === 0) return first!.weights;
  return mapValues(first!.weights, (array, name): NdArray => {
    const parts = networks.map(({ weights }) => weights[name]!);
    const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
    let at = 0;
    for (const part of parts) {
      data.set(part.data as Float32Array, at);
      at += part.data.length;
    }
    const count = parts.reduce((sum, { shape }) => sum + shape[0]!, 0);
    return { dtype: 'float32', shape: [count, ...array.shape.slice(1)], data };
  });
}
