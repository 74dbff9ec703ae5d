/** @file The gradient of dilated convolutions, which tfjs 4.22 lacks: that of an undilated one whose filter has zeros in between. */
import type { GradConfig } from '@tensorflow/tfjs';

import { tf } from '../tf.ts';
import type { Tensor } from '../tf.ts';

type Dilations = readonly [number, number];

const dilationsOf = (given: unknown): Dilations =>
  Array.isArray(given) ? (given as unknown as Dilations) : [Number(given ?? 1), Number(given ?? 1)];

/** `[KH, KW, I, O]` → `[(KH−1)·DH+1, (KW−1)·DW+1, I, O]` */
function spreadOut(filter: Tensor, [dh, dw]: Dilations): Tensor {
  const [kh, kw, i, o] = filter.shape as [number, number, number, number];
  const padded = tf.pad(tf.reshape(filter, [kh, 1, kw, 1, i * o]), [
    [0, 0],
    [0, dh - 1],
    [0, 0],
    [0, dw - 1],
    [0, 0],
  ]);
  return tf.slice(
    tf.reshape(padded, [kh * dh, kw * dw, i, o]),
    [0, 0, 0, 0],
    [(kh - 1) * dh + 1, (kw - 1) * dw + 1, i, o],
  );
}

/** @param undilated tfjs's own gradient of the kernel */
export function withDilations({ gradFunc, ...rest }: GradConfig): GradConfig {
  return {
    ...rest,
    gradFunc: (dy, saved, attrs) => {
      const dilations = dilationsOf(attrs['dilations']);
      if (dilations.every((d) => d === 1)) return gradFunc(dy, saved, attrs);
      const [x, filter] = saved as [Tensor, Tensor];
      const ofWide = gradFunc(dy, [x, spreadOut(filter, dilations)], { ...attrs, dilations: 1 });
      const strides = [...dilations, 1, 1];
      return {
        ...ofWide,
        filter: () => {
          const wide = ofWide['filter']!();
          return tf.stridedSlice(wide, [0, 0, 0, 0], wide.shape, strides);
        },
      };
    },
  };
}
