import { mapValues } from './nd-array.ts';
import type { Tensors } from './nd-array.ts';
import { ShapeError } from './shape-error.ts';
import { tf } from './tf.ts';
import type { Tensor } from './tf.ts';
import { fixGradients } from './trace/gradients.ts';

/**
 * A loss and its gradient with respect to every parameter of a record; may be compiled.
 *
 * Other results of the same forward pass (logits, accuracy) are computed beside it: a compiled graph holds equal
 * operations once.
 *
 * @param loss from the parameters to a scalar
 * @returns the loss, and gradients named as the parameters; 0 for one that the loss doesn't depend on
 * @throws {ShapeError} when the loss isn't a scalar
 */
export function valueAndGrads(
  loss: (params: Tensors) => Tensor,
  params: Tensors,
): { readonly value: Tensor; readonly grads: Tensors } {
  const names = Object.keys(params);
  if (names.length === 0) return { value: loss(params), grads: {} };
  fixGradients();
  return tf.tidy(() => {
    const scalarLoss = () => {
      const value = loss(params);
      if (value.shape.length > 0)
        throw new ShapeError('valueAndGrads', 'loss', [], value.shape, 'take its mean or sum');
      return value;
    };
    const points = names.map((name) => params[name]!);
    // What tf.valueAndGrads calls, but where it would throw, without a name, a parameter that isn't used has no gradient.
    const { value, grads } = tf.engine().gradients(scalarLoss, points, undefined, true) as {
      value: Tensor;
      grads: (Tensor | undefined)[];
    };
    const found = new Map(names.map((name, i) => [name, grads[i]]));
    return { value, grads: mapValues(params, (p, name) => found.get(name) ?? tf.zerosLike(p)) };
  });
}
