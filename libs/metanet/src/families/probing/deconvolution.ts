/** @file Images from codes by transposed convolutions, without activations. */
import { tf } from '@weightspace/compute';
import type { NdArrays, RandomStream, Tensor, Tensors } from '@weightspace/compute';

/** A transposed convolution: K × K kernel, and how much larger the image gets. */
interface Stage {
  readonly channels: readonly [inputs: number, outputs: number];
  readonly kernel: number;
  /** Factor of the resolution; the first stage goes from 1 × 1 to the kernel's size instead. */
  readonly stride: 1 | 2;
  /** Resolution of the output. */
  readonly size: number;
}

/**
 * 1 → 4 by a 4 × 4 kernel, doublings by 4 × 4 kernels until an image of these positions fits, then a 3 × 3 kernel.
 *
 * With a 32 × 32 image and no refinements these are the five layers of the public code, with one refinement its six.
 */
export function deconvolutionStages(
  positions: readonly [number, number],
  channels: number,
  { latent, width, refinements }: { readonly latent: number; readonly width: number; readonly refinements: number },
): readonly Stage[] {
  const doublings = Math.ceil(Math.log2(Math.max(...positions) / 4));
  const stages: Stage[] = [];
  const add = (outputs: number, kernel: number, stride: 1 | 2, size: number): void => {
    stages.push({ channels: [stages.at(-1)?.channels[1] ?? latent, outputs], kernel, stride, size });
  };
  add(width * 2 ** doublings, 4, 1, 4);
  for (let k = 1; k <= doublings; k++) {
    if (k === doublings) for (let i = 0; i < refinements; i++) add(width * 2, 3, 1, 2 ** (k + 1));
    add(width * 2 ** (doublings - k), 4, 2, 2 ** (k + 2));
  }
  if (doublings === 0) for (let i = 0; i < refinements; i++) add(width, 3, 1, 4);
  add(channels, 3, 1, stages.at(-1)!.size);
  return stages;
}

/** `<name>.k.weight` `[K, K, out, in]` and `<name>.k.bias`, U(±1/√(out·K²)) as `nn.ConvTranspose2d`. */
export function deconvolutionParameters(name: string, stages: readonly Stage[], stream: RandomStream): NdArrays {
  return Object.fromEntries(
    stages.flatMap(({ channels: [inputs, outputs], kernel }, i) => {
      const bound = 1 / Math.sqrt(outputs * kernel * kernel);
      const own = stream.split(`${name}.${i + 1}`);
      return [
        [`${name}.${i + 1}.weight`, own.split('weight').uniform([kernel, kernel, outputs, inputs], -bound, bound)],
        [`${name}.${i + 1}.bias`, own.split('bias').uniform([outputs], -bound, bound)],
      ] as const;
    }),
  );
}

/** @param codes shape `[P, latent]` @returns shape `[P, …positions, channels]`: the middle of the generated image */
export function deconvolution(
  params: Tensors,
  name: string,
  stages: readonly Stage[],
  codes: Tensor,
  [height, width]: readonly [number, number],
): Tensor {
  const P = codes.shape[0]!;
  const image = stages.reduce((x: Tensor, { channels: [, outputs], stride, size }, i) => {
    const weight = params[`${name}.${i + 1}.weight`] as tf.Tensor4D;
    const from = (i === 0 ? tf.reshape(x, [P, 1, 1, x.shape[1]!]) : x) as tf.Tensor4D;
    const y = tf.conv2dTranspose(from, weight, [P, size, size, outputs], stride, i === 0 ? 'valid' : 'same');
    return tf.add(y, params[`${name}.${i + 1}.bias`]!);
  }, codes);
  const [top, left] = [height, width].map((length) => Math.floor((stages.at(-1)!.size - length) / 2));
  return tf.slice(image, [0, top!, left!, 0], [P, height, width, image.shape[3]!]);
}
