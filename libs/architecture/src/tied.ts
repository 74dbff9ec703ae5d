/** @file Parameters that several layers share. */
import { ArchitectureError } from './architecture-error.ts';
import type { ArchitectureSpec } from './architecture.ts';
import type { OwnParameter } from './define-architecture.ts';
import type { Label } from './labels/label.ts';
import type { LabelSolver } from './labels/label-solver.ts';
import type { LayerDeclaration, LayerSpec, ParameterDeclaration } from './layers/layer-kind.ts';

const fn = 'defineArchitecture';

export interface Shared {
  /** Each shared parameter once, with the layer that has it first. */
  readonly own: readonly OwnParameter[];
  /** What a shared parameter both writes and reads: multiplied at one place, it would be divided at the other. */
  readonly scaleless: readonly Label[];
}

/**
 * Takes out the parameters that layers share with earlier ones, and unites the spaces of their axes.
 *
 * @throws {ArchitectureError} when there is no such parameter, or its shape differs
 */
export function shareTied(
  spec: ArchitectureSpec,
  declarations: readonly LayerDeclaration[],
  labels: LabelSolver,
): Shared {
  const own: OwnParameter[] = [];
  const scaleless: Label[] = [];
  spec.layers.forEach((layer, i) => {
    const declared = declarations[i]!.parameters;
    checkNames(layer, declared, `layers[${i}].tied`);
    const found = new Map(own.map((parameter) => [parameter.name, parameter.declaration]));
    for (const declaration of declared) {
      const tie = layer.tied?.[declaration.name];
      if (!tie) {
        own.push({ name: `${layer.name}.${declaration.name}`, layer: layer.name, declaration });
        continue;
      }
      const place = `layers[${i}].tied.${declaration.name}`;
      const first = found.get(tie.parameter);
      if (!first) {
        const expected = `a parameter of an earlier layer (${[...found.keys()].join(', ') || 'there is none'})`;
        throw new ArchitectureError(fn, `${place}.parameter`, expected, tie.parameter);
      }
      const axes = tie.transposed ? declaration.axes.toReversed() : declaration.axes;
      scaleless.push(...uniteAxes(first.axes, axes, labels, place));
    }
  });
  return { own, scaleless };
}

function checkNames(layer: LayerSpec, declared: readonly ParameterDeclaration[], place: string): void {
  const unknown = Object.keys(layer.tied ?? {}).find((name) => declared.every((p) => p.name !== name));
  if (unknown === undefined) return;
  const names = declared.map(({ name }) => name).join(', ');
  throw new ArchitectureError(fn, place, `a record with no other keys than ${names}`, unknown);
}

function uniteAxes(
  first: ParameterDeclaration['axes'],
  second: ParameterDeclaration['axes'],
  labels: LabelSolver,
  place: string,
): Label[] {
  const shapeOf = (axes: ParameterDeclaration['axes']) => axes.map(({ label }) => labels.sizeOf(label));
  if (shapeOf(first).join() !== shapeOf(second).join()) {
    const expected = `a parameter of shape [${shapeOf(second).join(', ')}]`;
    throw new ArchitectureError(fn, place, expected, shapeOf(first));
  }
  labels.unifyAxes(
    first.map(({ label }) => label),
    second.map(({ label }) => label),
  );
  return first.flatMap(({ label, role }, i) => (second[i]!.role === role ? [] : [label]));
}
