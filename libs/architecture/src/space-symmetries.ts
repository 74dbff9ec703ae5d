/** @file Which symmetries beyond the order the neurons of each space have. */
import { activationKind } from './activations/activation.ts';
import type { ActivationSpec } from './activations/activation.ts';
import type { Value } from './architecture.ts';
import type { Finished, FinishedLeaf } from './labels/finish.ts';
import { noSymmetries } from './labels/labelled-network.ts';
import type { ParameterSpec, Space, SpaceSymmetries } from './labels/labelled-network.ts';
import type { LayerDeclaration, LayerSpec } from './layers/layer-kind.ts';

/** What the symmetries of spaces depend on. */
export interface Uses {
  readonly layers: readonly LayerSpec[];
  readonly declarations: readonly LayerDeclaration[];
  readonly values: readonly Value[];
  readonly parameters: readonly ParameterSpec[];
  /** Labels whose neurons may change neither scale nor phase. */
  readonly fixedScale: readonly string[];
}

export function spacesOf({ leaves, composites }: Finished, uses: Uses): Space[] {
  const composite = new Map(composites.map(({ name, segments }) => [name, new Set(segments.flat())]));
  const has = (label: string, leaf: string) => composite.get(label)?.has(leaf) ?? label === leaf;
  return leaves.map((leaf): Space => {
    const members = uses.values.filter(({ space }) => has(space, leaf.name));
    const activation: ActivationSpec = (members.find((member) => member.activation.kind !== 'identity') ?? members[0])
      ?.activation ?? { kind: 'identity' };
    return { ...leaf, activation, symmetries: symmetriesOf(leaf, members, uses, (label) => has(label, leaf.name)) };
  });
}

/** A symmetry of a free space is one of every activation in it, which no layer that reads or writes it breaks. */
function symmetriesOf(
  { free, kind }: FinishedLeaf,
  members: readonly Value[],
  uses: Uses,
  has: (label: string) => boolean,
): SpaceSymmetries {
  if (!free || kind !== 'neuron' || members.length === 0) return noSymmetries;
  const names = new Set(members.map(({ name }) => name));
  const broken = new Set(
    uses.layers.flatMap(({ inputs, output }, i) => {
      const { breaks = [], breaksOutput = [] } = uses.declarations[i]!;
      return [...(inputs.some((input) => names.has(input)) ? breaks : []), ...(names.has(output) ? breaksOutput : [])];
    }),
  );
  if (uses.fixedScale.some(has)) broken.add('scale').add('phase');
  const kinds = members.map(({ activation }) => activationKind(activation.kind));
  return {
    sign: kinds.every(({ odd }) => odd) && !broken.has('sign'),
    scale: kinds.every(({ homogeneous }) => homogeneous) && !broken.has('scale'),
    phase: broken.has('phase') ? undefined : phaseOf(members, uses, has),
  };
}

/** Where several layers write the space, each could be shifted by its own k as long as their signs agree; that isn't used. */
function phaseOf(members: readonly Value[], uses: Uses, has: (label: string) => boolean): number | undefined {
  const moved = new Set(
    uses.layers.flatMap(({ output, activation }, i) =>
      uses.declarations[i]!.passes && activation.kind === 'identity' ? [output] : [],
    ),
  );
  const [writer, ...others] = members.filter(({ name }) => !moved.has(name));
  if (!writer || others.length > 0) return undefined;
  const bias = uses.parameters.some((p) => p.layer === writer.layer && p.kind === 'bias' && has(p.axes[0]!));
  return bias ? activationKind(writer.activation.kind).halfPeriod?.(writer.activation) : undefined;
}
