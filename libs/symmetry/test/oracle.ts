/** @file The action, number by number, as slowly as it can be done. */
import type { LabelledNetwork, ParameterSpec } from '@weightspace/architecture';
import { ndarray } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';

import type { GroupElement } from '@weightspace/symmetry';

/** One factor of an axis at one index. */
interface Mark {
  readonly axis: number;
  readonly space: string;
  readonly digit: number;
  readonly stride: number;
}

/** The factors of every axis at one index, in order. */
function marksOf(network: LabelledNetwork, { axes }: ParameterSpec, index: readonly number[]): Mark[] {
  const sizeOf = (space: string) => network.spaces.find(({ name }) => name === space)!.size;
  return axes.flatMap((label, axis) => {
    const segments = network.composites.find(({ name }) => name === label)?.segments ?? [[label]];
    let rest = index[axis]!;
    for (const product of segments) {
      const size = product.reduce((n, space) => n * sizeOf(space), 1);
      if (rest >= size) {
        rest -= size;
        continue;
      }
      return product.map((space, f) => {
        const stride = product.slice(f + 1).reduce((n, other) => n * sizeOf(other), 1);
        return { axis, space, digit: Math.floor(rest / stride) % sizeOf(space), stride };
      });
    }
    throw new Error('no segment');
  });
}

/** Number of a factor's neuron over all instances. */
function neuronOf(network: LabelledNetwork, marks: readonly Mark[], mark: Mark): number {
  const { size, within } = network.spaces.find(({ name }) => name === mark.space)!;
  if (within === undefined) return mark.digit;
  const parents = marks.filter(({ space }) => space === within);
  const left = parents.filter((m) => m.axis === mark.axis && marks.indexOf(m) < marks.indexOf(mark)).at(-1);
  const parent = left ?? parents.find(({ axis }) => axis !== mark.axis)!;
  return neuronOf(network, marks, parent) * size + mark.digit;
}

function moveNumber(
  network: LabelledNetwork,
  parameter: ParameterSpec,
  g: GroupElement,
  old: (index: readonly number[]) => number,
  index: readonly number[],
): number {
  const marks = marksOf(network, parameter, index);
  const source = [...index];
  let [factor, added] = [1, 0];
  for (const mark of marks) {
    const own = g[mark.space];
    if (!own) continue;
    const q = neuronOf(network, marks, mark);
    source[mark.axis]! += (own.permutation[q]! - mark.digit) * mark.stride;
    const [s, c, k] = [own.sign?.[q] ?? 1, own.scale?.[q] ?? 1, own.shift?.[q] ?? 0];
    const role = parameter.roles[mark.axis];
    if (role === 'out') factor *= s * c;
    if (role === 'in') factor /= s * c * (-1) ** Math.abs(k);
    const { phase } = network.spaces.find(({ name }) => name === mark.space)!.symmetries;
    if (role === 'out' && parameter.kind === 'bias') added += k * (phase ?? 0);
  }
  return factor * old(source) + added;
}

/** @see act, of one network */
export const slowAct = (network: LabelledNetwork, g: GroupElement, params: NdArrays): NdArrays =>
  Object.fromEntries(
    network.parameters.map((parameter) => {
      const { shape, data } = params[parameter.name] as NdArray<'float32'>;
      const flat = (index: readonly number[]) => index.reduce((at, i, axis) => at * shape[axis]! + i, 0);
      const old = (index: readonly number[]) => data[flat(index)]!;
      const numbers = indicesOf(shape).map((index) => moveNumber(network, parameter, g, old, index));
      return [parameter.name, ndarray(Float32Array.from(numbers), shape)];
    }),
  );

export const indicesOf = (shape: readonly number[]): number[][] =>
  shape.reduce<number[][]>(
    (all, size) => all.flatMap((index) => Array.from({ length: size }, (_, i) => [...index, i])),
    [[]],
  );
