/** @file A network as its parameters and what their axes index: all that symmetries need. */
import type { ActivationSpec } from '../activations/activation.ts';
import type { AxisRole, ParameterKind, ParameterStart } from '../layers/layer-kind.ts';
import type { Composite } from './finish.ts';
import { LabelError } from './label.ts';
import type { SpaceKind } from './label.ts';

/** Exact symmetries of each neuron of a space, beyond the order. */
export interface SpaceSymmetries {
  /** (−1): the neuron's row, bias and outgoing columns change sign. */
  readonly sign: boolean;
  /** c > 0: row and bias times c, outgoing columns divided by c. */
  readonly scale: boolean;
  /** The shift of the bias by which the neuron's value changes sign (π/ω for a sine), where it has that symmetry. */
  readonly phase: number | undefined;
}

export const noSymmetries: SpaceSymmetries = { sign: false, scale: false, phase: undefined };

/** A leaf space: neurons, heads, channels of a group, … that have one order, whoever reads or writes them. */
export interface Space {
  readonly name: string;
  readonly size: number;
  /** Whether the order is arbitrary: not in the network's inputs and output, nor along a kernel. */
  readonly free: boolean;
  readonly kind: SpaceKind;
  /**
   * The space that it has one order for each member of, independent of the others: the group is a wreath product.
   * Absent where there is one order.
   */
  readonly within?: string;
  /** What is applied to its neurons; 'identity' for the input and for a linear output. Where several values share the space, the first that isn't the identity. */
  readonly activation: ActivationSpec;
  readonly symmetries: SpaceSymmetries;
}

export interface ParameterSpec {
  /** `<layer>.<parameter>`, e.g. 'layer1.weight'. */
  readonly name: string;
  readonly layer: string;
  readonly kind: ParameterKind;
  readonly shape: readonly number[];
  /** What each axis indexes: the name of a space or of a composite; order [out, in, …kernel]. */
  readonly axes: readonly string[];
  /** Whether the axis writes its neurons ('out'), reads them ('in'), or only lists them ('index'). */
  readonly roles: readonly AxisRole[];
  readonly fan: { readonly in: number; readonly out: number };
  readonly start: ParameterStart | undefined;
}

/** What the symmetries of a network follow from. */
export interface LabelledNetwork {
  readonly name: string;
  /** Leaves only; the group acts on them. In the order in which they were found; an input is first. */
  readonly spaces: readonly Space[];
  readonly composites: readonly Composite[];
  /** In the order of layers, weight before bias. */
  readonly parameters: readonly ParameterSpec[];
}

type Labelled = Pick<LabelledNetwork, 'spaces' | 'composites'>;

/** @throws {LabelError} when no leaf space is called so */
export function spaceOf({ spaces }: Labelled, name: string): Space {
  const found = spaces.find((space) => space.name === name);
  if (found) return found;
  throw new LabelError('spaceOf', `'${name}' must be one of the spaces ${spaces.map((s) => s.name).join(', ')}`);
}

/**
 * What lies along an axis with this label.
 *
 * @param label the name of a space or of a composite
 * @returns segments end to end, each a product of leaf spaces, slowest first; `[[name]]` for a leaf
 * @throws {LabelError} when there is neither
 */
export function segmentsOf(network: Labelled, label: string): readonly (readonly string[])[] {
  const composite = network.composites.find(({ name }) => name === label);
  if (composite) return composite.segments;
  if (network.spaces.some(({ name }) => name === label)) return [[label]];
  throw new LabelError('segmentsOf', `'${label}' must be the name of a space or of a composite`);
}

/** The spaces that a space is within, outermost first; none for a plain one. */
export function ancestorsOf(network: Labelled, name: string): readonly Space[] {
  const { within } = spaceOf(network, name);
  return within === undefined ? [] : [...ancestorsOf(network, within), spaceOf(network, within)];
}

/** How many independent orders a space has: the product of the sizes of its ancestors. */
export const instancesOf = (network: Labelled, name: string): number =>
  ancestorsOf(network, name).reduce((n, { size }) => n * size, 1);
