/** @file The zoo of Fashion-MNIST pictures. */
import type { ImageZoo } from '@weightspace/siren-zoo';

export const fashionMnistSirens: ImageZoo = { set: 'fashion-mnist', images: 'pictures' };
