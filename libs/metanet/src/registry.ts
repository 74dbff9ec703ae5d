/** @file The metanets that there are, by kind. */
import type { Architecture } from '@weightspace/architecture';

import { MetanetError } from './metanet.ts';
import type { Editor, Metanet, MixedMetanet } from './metanet.ts';

export type Setting = string | number | boolean | readonly number[];
export type Settings = { readonly [name: string]: Setting };

/** What input networks are made of, as far as kinds differ in what they take. */
export const inputFamilies = ['mlp', 'cnn', 'residual', 'attention', 'recurrent'] as const;
export type InputFamily = (typeof inputFamilies)[number];

/** What a kind of metanet says of itself. */
export interface MetanetKind<S extends Settings = Settings> {
  readonly kind: string;
  readonly family: string;
  /** Paper and equation. */
  readonly source: string;
  /** What it is invariant to. */
  readonly symmetry: string;
  /** Kinds of input networks that it takes, in words. */
  readonly inputs: readonly string[];
  /** The same by family; tests try every one, and that the others are refused. */
  readonly takes: readonly InputFamily[];
  /** Every setting with its default. */
  readonly settings: S;
  /** The published setting, and the number of parameters that the public code has with it. */
  readonly published?: {
    readonly settings: Partial<S>;
    readonly sizes: readonly number[];
    readonly outputs: number;
    readonly parameterCount: number;
    readonly departs: string;
  };
  /** @throws {MetanetError} when it can't take the architecture */
  readonly create: (architecture: Architecture, outputs: number, settings: S) => Metanet;
  /** A change of every parameter in place of numbers per network. @throws {MetanetError} as `create` */
  readonly edit?: (architecture: Architecture, settings: S) => Editor;
  /** One set of parameters for several architectures. @throws {MetanetError} as `create`, for any of them */
  readonly mix?: (architectures: readonly Architecture[], outputs: number, settings: S) => MixedMetanet;
}

const registry = new Map<string, MetanetKind>();

/** @throws {RangeError} when the kind is taken */
export function registerMetanet<S extends Settings>(kind: MetanetKind<S>): void {
  if (registry.has(kind.kind)) throw new RangeError(`registerMetanet: kind '${kind.kind}' is registered already`);
  registry.set(kind.kind, kind as unknown as MetanetKind);
}

/** All kinds, in the order of their registration. */
export const metanetKinds = (): readonly MetanetKind[] => [...registry.values()];

/** @throws {MetanetError} when there is no such kind */
export function metanetKind(kind: string): MetanetKind {
  const found = registry.get(kind);
  if (found) return found;
  throw new MetanetError('metanetKind', `kind must be one of ${[...registry.keys()].join(', ')}, got '${kind}'`);
}

/**
 * @param overrides settings that differ from the kind's defaults
 * @throws {MetanetError} on an unknown setting or one of another type, and when the kind can't take the architecture
 */
export function createMetanet(
  kind: string,
  architecture: Architecture,
  outputs: number,
  overrides: Settings = {},
): Metanet {
  const found = metanetKind(kind);
  return found.create(architecture, outputs, settingsOf(found, overrides));
}

/**
 * A metanet that gives a change of every parameter.
 *
 * @throws {MetanetError} as `createMetanet`, and where the kind gives numbers per network only
 */
export function createEditor(kind: string, architecture: Architecture, overrides: Settings = {}): Editor {
  const found = metanetKind(kind);
  if (found.edit) return found.edit(architecture, settingsOf(found, overrides));
  throw new MetanetError(kind, `has no outputs per parameter; kinds that have: ${having('edit')}`);
}

/**
 * A metanet for networks of any of these architectures, alone or in one batch.
 *
 * @throws {MetanetError} as `createMetanet`, and where the kind takes one architecture only
 */
export function createMixedMetanet(
  kind: string,
  architectures: readonly Architecture[],
  outputs: number,
  overrides: Settings = {},
): MixedMetanet {
  const found = metanetKind(kind);
  if (architectures.length === 0) throw new MetanetError(kind, 'architectures must be one or more, got none');
  if (found.mix) return found.mix(architectures, outputs, settingsOf(found, overrides));
  throw new MetanetError(kind, `takes one architecture at a time; kinds that take several: ${having('mix')}`);
}

const having = (ability: 'edit' | 'mix'): string =>
  metanetKinds()
    .filter((kind) => kind[ability] !== undefined)
    .map(({ kind }) => kind)
    .join(', ') || 'none';

function settingsOf({ kind, settings }: MetanetKind, overrides: Settings): Settings {
  for (const [name, value] of Object.entries(overrides)) {
    const known = settings[name];
    if (known === undefined)
      throw new MetanetError(kind, `has no setting '${name}'; it has ${Object.keys(settings).join(', ')}`);
    if (typeof known !== typeof value || Array.isArray(known) !== Array.isArray(value)) {
      throw new MetanetError(
        kind,
        `setting '${name}' must be like ${JSON.stringify(known)}, got ${JSON.stringify(value)}`,
      );
    }
  }
  return { ...settings, ...overrides };
}
