/** @file All kernels of the tracer by tfjs's names; a new one is a line in its table. */
import type { TraceKernel } from '../trace-backend.ts';
import { blocks } from './blocks.ts';
import { convolutions } from './convolution.ts';
import { elementwise } from './elementwise.ts';
import { gathers } from './gather.ts';
import { images } from './image.ts';
import { matrixProducts } from './matmul.ts';
import { poolings } from './pooling.ts';
import { reduction } from './reduce.ts';
import { shape } from './shape.ts';

export const kernels: { readonly [kernelName: string]: TraceKernel } = {
  ...blocks,
  ...convolutions,
  ...elementwise,
  ...gathers,
  ...images,
  ...matrixProducts,
  ...poolings,
  ...reduction,
  ...shape,
};
