/** @file The metanets that there are, by kind. */
import type { Architecture } from '@weightspace/architecture';

import { MetanetError } from './metanet.ts';
import type { Metanet } from './metanet.ts';

export type Setting = string | number | boolean | readonly number[];
export type Settings = { readonly [name: string]: Setting };

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
  for (const [name, value] of Object.entries(overrides)) {
    const known = found.settings[name];
    if (known === undefined)
      throw new MetanetError(kind, `has no setting '${name}'; it has ${Object.keys(found.settings).join(', ')}`);
    if (typeof known !== typeof value || Array.isArray(known) !== Array.isArray(value)) {
      throw new MetanetError(
        kind,
        `setting '${name}' must be like ${JSON.stringify(known)}, got ${JSON.stringify(value)}`,
      );
    }
  }
  return found.create(architecture, outputs, { ...found.settings, ...overrides });
}
