/** @file The zoo of MNIST digits. */
import type { ImageZoo } from '@weightspace/siren-zoo';

export const mnistSirens: ImageZoo = { set: 'mnist', images: 'digits' };
