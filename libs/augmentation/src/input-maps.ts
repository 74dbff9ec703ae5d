/** @file Augmentations that move what a network of coordinates draws: exact maps of its input, in the first layer. */
import type { Architecture } from '@weightspace/architecture';
import { ndarray, tf } from '@weightspace/compute';
import type { RandomStream, Tensor } from '@weightspace/compute';

import { AugmentationError } from './augmentation-error.ts';
import type { Augmentation } from './augmentation.ts';

/** A random affine map of the inputs of one network: x → A x + t, `A` row by row. */
type DrawMap = (
  inputs: number,
  stream: RandomStream,
) => { readonly matrix: readonly number[]; readonly shift: readonly number[] };

/**
 * f(x) becomes f(A x + t): the first weights W become W A, its biases b become b + W t.
 *
 * Exact for every architecture whose input is read by linear layers with biases alone.
 * @throws {AugmentationError} for other architectures, and for fewer than `least` inputs
 */
export function inputMap(name: string, drawMap: DrawMap, least = 1): Augmentation {
  return {
    name,
    kind: 'input',
    draw: (architecture, batch, stream) => {
      readers(name, architecture);
      const n = architecture.spec.inputs[0]!.size;
      if (n < least) throw new AugmentationError(name, `the network must have ${least} or more inputs, got ${n}`);
      const [matrix, shift] = [new Float32Array(batch * n * n), new Float32Array(batch * n)];
      for (let b = 0; b < batch; b++) {
        const drawn = drawMap(n, stream.split(b));
        matrix.set(drawn.matrix, b * n * n);
        shift.set(drawn.shift, b * n);
      }
      return { matrix: ndarray(matrix, [batch, n, n]), shift: ndarray(shift, [batch, n]) };
    },
    apply: (architecture, weights, draws) => {
      const changed = readers(name, architecture).map(({ weight, bias }) => {
        const [w, b] = [weights[weight]!, weights[bias]!];
        const moved = tf.add(b, tf.reshape(tf.matMul(w, tf.expandDims(draws['shift']!, 2)), b.shape)) as Tensor;
        return { [weight]: tf.matMul(w, draws['matrix']!), [bias]: moved };
      });
      return Object.assign({}, weights, ...changed) as typeof weights;
    },
  };
}

/** Weight and bias of each layer that reads the input. */
function readers(
  name: string,
  { spec, parameters }: Architecture,
): { readonly weight: string; readonly bias: string }[] {
  const fail = (message: string): never => {
    throw new AugmentationError(name, message);
  };
  if (spec.inputs.length > 1) fail(`the network must have one input, got ${spec.inputs.length}`);
  const input = spec.inputs[0]!.name;
  if (spec.output === input) fail('the network must compute something, got its input as output');
  return spec.layers
    .filter(({ inputs }) => inputs.includes(input))
    .map((layer) => {
      const own = (kind: string) => parameters.find((p) => p.layer === layer.name && p.kind === kind)?.name;
      const [weight, bias] = [own('weight'), own('bias')];
      if (layer.kind !== 'linear') fail(`the input must be read by linear layers, got '${layer.name}' (${layer.kind})`);
      return { weight: weight!, bias: bias ?? fail(`layer '${layer.name}' must have a bias, which carries the shift`) };
    });
}

const between = (stream: RandomStream, reach: number): number => reach * (2 * stream.next() - 1);
const zeros = (n: number): number[] => Array<number>(n).fill(0);
const identity = (n: number): number[] =>
  Array.from({ length: n * n }, (_, i) => (Math.floor(i / n) === i % n ? 1 : 0));

/** Moves the picture by up to `reach` along each axis; the picture spans 2. */
export const translation = (reach = 0.15): Augmentation =>
  inputMap('translation', (n, stream) => ({ matrix: identity(n), shift: zeros(n).map(() => between(stream, reach)) }));

/** Turns the first two axes by up to `degrees`. */
export const rotation = (degrees = 15): Augmentation =>
  inputMap(
    'rotation',
    (n, stream) => {
      const angle = (between(stream, degrees) * Math.PI) / 180;
      const matrix = identity(n);
      [matrix[0], matrix[1], matrix[n], matrix[n + 1]] = [
        Math.cos(angle),
        -Math.sin(angle),
        Math.sin(angle),
        Math.cos(angle),
      ];
      return { matrix, shift: zeros(n) };
    },
    2,
  );

/** Scales each axis by its own factor within 1 ± reach. */
export const scaling = (reach = 0.12): Augmentation =>
  inputMap('scaling', (n, stream) => ({
    matrix: identity(n).map((x) => (x === 0 ? 0 : 1 + between(stream, reach))),
    shift: zeros(n),
  }));

/** Shears the second axis along the first by up to `reach`. */
export const shear = (reach = 0.15): Augmentation =>
  inputMap(
    'shear',
    (n, stream) => {
      const matrix = identity(n);
      matrix[1] = between(stream, reach);
      return { matrix, shift: zeros(n) };
    },
    2,
  );
