/** @file The layer kinds that there are; a new one is a file in `layers/` and a line here. */
import { add } from './layers/add.ts';
import type { LayerKind } from './layers/layer-kind.ts';
import { linear } from './layers/linear.ts';
import { ArchitectureError } from './spec.ts';

const registry = new Map<string, LayerKind>();

/** @throws {RangeError} when the kind is taken */
export function registerLayerKind(layerKind: LayerKind): void {
  if (registry.has(layerKind.kind))
    throw new RangeError(`registerLayerKind: kind '${layerKind.kind}' is registered already`);
  registry.set(layerKind.kind, layerKind);
}

/** @throws {ArchitectureError} when no layer has this kind */
export function layerKindOf(kind: string): LayerKind {
  const found = registry.get(kind);
  if (found) return found;
  throw new ArchitectureError(
    'defineArchitecture',
    'kind',
    `must be one of ${[...registry.keys()].join(', ')}, got '${kind}'`,
  );
}

registerLayerKind(linear);
registerLayerKind(add);
