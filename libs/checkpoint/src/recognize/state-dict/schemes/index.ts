/** @file The naming schemes, in the order in which they are tried. */
import type { Scheme } from '../scheme.ts';
import { bert } from './bert.ts';
import { chain } from './chain.ts';
import { gpt2 } from './gpt2.ts';
import { recurrent } from './recurrent.ts';
import { torchvisionResnet } from './torchvision-resnet.ts';
import { torchvisionVgg } from './torchvision-vgg.ts';
import { transformerEncoder } from './transformer-encoder.ts';
import { visionTransformers } from './vision-transformers.ts';

export const schemes: readonly Scheme[] = [
  torchvisionResnet,
  torchvisionVgg,
  ...visionTransformers,
  bert,
  gpt2,
  transformerEncoder,
  recurrent,
  // Any names will do: last.
  chain,
];
