/** @file From solved labels to a labelled network. */
import { noSymmetries } from '@weightspace/architecture';
import type {
  AxisRole,
  Finished,
  LabelledNetwork,
  LabelSolver,
  LeafId,
  ParameterKind,
  ParameterSpec,
  Space,
} from '@weightspace/architecture';
import { sizeOf } from '@weightspace/compute';
import type { OnnxArray } from '@weightspace/compute';

import { activationAfter, activationsOf, activationSpec, SEVERAL } from './activations.ts';
import type { AxisLabel, Frozen, Labeller, Root } from './labeller.ts';
import { symmetriesOf } from './symmetries.ts';
import { shapeOf } from './tensor-data.ts';

/** An operator that reads parameters. */
export interface OnnxLayer {
  /** The node's name. */
  readonly name: string;
  readonly op: string;
  /** Names of what it computes with that is no parameter. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly parameters: readonly string[];
  /** The operator that is applied to each element of its output, if that is all that reads it, e.g. 'Relu' or 'HardSwish'. */
  readonly activation: string | undefined;
}

/** A network that was found in an ONNX file; `parameters` are called as the file's tensors. */
export interface OnnxNetwork extends LabelledNetwork {
  /** In the order in which they are computed. */
  readonly layers: readonly OnnxLayer[];
  /** Axes that were fixed because the recognition knows no better: the group may be larger than what was found. */
  readonly frozen: readonly Frozen[];
  /** Tensors in the file that are no parameters: single numbers, shapes, indices, and what nothing reads. */
  readonly constants: readonly string[];
  /** Inputs on which the model was run. */
  readonly sample: ReadonlyMap<string, OnnxArray>;
}

/** The label of axes of size 1. */
const ONE = 'one';

/** Spaces, composites and parameters of a model whose operators have been walked through. */
export function networkOf(name: string, labeller: Labeller, sources: readonly string[]): OnnxNetwork {
  const { solver, roots } = labeller;
  const one = solver.space({ name: ONE, size: 1, kind: 'index', free: false });
  for (const root of roots.values()) {
    solver.register(
      key('parameter', root.name),
      root.labels.map((label) => label ?? one),
      root.labels.map((_, axis) => `${root.name}:${axis}`),
    );
  }
  const finished = solver.finish();
  const parameters = [...roots.values()].map((root) => parameterOf(root, finished));
  const used = new Used(finished, parameters);
  const spaces = finished.leaves.filter((leaf) => used.names.has(leaf.name));
  const names = new LeafNames(labeller, finished);
  const heads = new Set(labeller.batches.flatMap((label) => names.of(label)));
  const network = {
    name,
    spaces: spaces.map((leaf): Space => ({
      ...leaf,
      kind: heads.has(leaf.name) && leaf.free && leaf.kind === 'group' ? 'head' : leaf.kind,
      activation: activationSpec(undefined),
      symmetries: noSymmetries,
    })),
    composites: finished.composites.filter((composite) => used.names.has(composite.name)),
    parameters,
  };
  const labelled = {
    network,
    labeller,
    axesOf: (tensor: string) => (labeller.tensors.get(tensor) ?? []).map((label) => names.of(label)),
    spacesOf: (label: string) =>
      network.composites.find((composite) => composite.name === label)?.segments.flat() ?? [label],
  };
  const activations = activationsOf(labelled);
  return {
    ...network,
    spaces: network.spaces.map((space) => ({
      ...space,
      activation: activationSpec(activations.get(space.name)),
      symmetries: symmetriesOf(labelled, space),
    })),
    layers: layersOf(labeller),
    frozen: labeller.frozen,
    constants: sources.filter((source) => !roots.has(source)),
    sample: labeller.evaluation.sample,
  };
}

const key = (what: string, name: string): string => `${what} ${name}`;

/** Names of spaces and composites that parameters have, and of the spaces that these are within. */
class Used {
  readonly names = new Set<string>();

  constructor({ leaves, composites }: Finished, parameters: readonly ParameterSpec[]) {
    const add = (name: string): void => {
      if (this.names.has(name)) return;
      this.names.add(name);
      composites
        .find((composite) => composite.name === name)
        ?.segments.flat()
        .forEach(add);
      const within = leaves.find((leaf) => leaf.name === name)?.within;
      if (within !== undefined) add(within);
    };
    parameters.flatMap(({ axes }) => axes).forEach(add);
  }
}

/** Names of the spaces in the labels of tensors, which aren't all parameters'. */
class LeafNames {
  readonly #solver: LabelSolver;
  readonly #names = new Map<LeafId, string>();

  constructor({ solver, roots }: Labeller, { axes, composites }: Finished) {
    this.#solver = solver;
    for (const root of roots.values()) {
      axes.get(key('parameter', root.name))!.forEach((name, axis) => {
        const segments = composites.find((composite) => composite.name === name)?.segments ?? [[name]];
        const leaves = root.labels[axis] ? solver.resolve(root.labels[axis]) : [];
        // Where parts of a product were written out, leaves and names don't go in pairs.
        if (leaves.map(({ length }) => length).join() !== segments.map(({ length }) => length).join()) return;
        leaves.flat().forEach((leaf, i) => this.#names.set(leaf, segments.flat()[i]!));
      });
    }
  }

  /** A leaf that no parameter has is called by its number. */
  of(label: AxisLabel): string[] {
    if (label === undefined) return [];
    return this.#solver.resolve(label).flatMap((product) =>
      product.flatMap((leaf) => {
        const parts = this.#solver.resolve([[leaf]]);
        const isLeaf = parts.length === 1 && parts[0]!.length === 1;
        if (!isLeaf) return this.of(parts);
        const id = parts[0]![0]!;
        return [this.#solver.describe(id).split ? SEVERAL : (this.#names.get(id) ?? `leaf ${id}`)];
      }),
    );
  }
}

function parameterOf({ name, tensor, uses }: Root, { axes }: Finished): ParameterSpec {
  const shape = shapeOf(tensor);
  const roles = shape.map((_, axis) => agreed(uses.map((use) => use.roles[axis] ?? 'index')));
  const [first] = uses;
  const kind: ParameterKind = uses.every((use) => use.kind === first!.kind) && first ? first.kind : 'weight';
  const dot = name.lastIndexOf('.');
  return {
    name,
    layer: dot > 0 ? name.slice(0, dot) : (first?.node.name ?? name),
    kind,
    shape,
    axes: axes.get(key('parameter', name))!,
    roles,
    fan: {
      in: sizeOf(shape.filter((_, axis) => roles[axis] !== 'out')),
      out: sizeOf(shape.filter((_, axis) => roles[axis] !== 'in')),
    },
    start: undefined,
  };
}

/** What all readers of an axis say; 'index' where they disagree. */
const agreed = (roles: readonly AxisRole[]): AxisRole => (new Set(roles).size === 1 ? roles[0]! : 'index');

function layersOf(labeller: Labeller): OnnxLayer[] {
  const { nodes } = labeller.evaluation;
  const byNode = new Map<string, string[]>();
  for (const root of labeller.roots.values()) {
    for (const { node } of root.uses)
      byNode.set(node.outputs[0]!, [...(byNode.get(node.outputs[0]!) ?? []), root.name]);
  }
  return nodes.flatMap((node): OnnxLayer[] => {
    const parameters = byNode.get(node.outputs[0]!);
    if (parameters === undefined) return [];
    const { name, op, outputs } = node;
    const inputs = node.inputs.filter(
      (input) => input !== '' && !labeller.isView(input) && !labeller.evaluation.isConstant(input),
    );
    return [
      {
        name,
        op,
        inputs,
        outputs,
        parameters: [...new Set(parameters)],
        activation: activationAfter(labeller.evaluation, outputs[0]!)?.op,
      },
    ];
  });
}
