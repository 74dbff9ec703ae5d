/** @file Kinds of networks in the zoo; another one is an entry here. */
import { cnn, deepSets, mlp, resnet, vit } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import type { RandomStream } from '@weightspace/compute';
import { oneOf } from '@weightspace/network-zoo';
import type { ImageForm } from '@weightspace/network-zoo';

export interface Family {
  /** As what it reads a picture. */
  readonly form: ImageForm;
  /** An architecture; draws from the stream alone. @param positions rows and columns of the picture */
  readonly draw: (stream: RandomStream, positions: readonly [number, number]) => Architecture;
}

const activations = ['relu', 'gelu', 'tanh'] as const;
const OUTPUTS = 10;

/** Layers of one width. */
function evenly(stream: RandomStream, widths: readonly number[], depths: readonly number[]): number[] {
  const width = oneOf(stream, widths);
  return Array<number>(oneOf(stream, depths)).fill(width);
}
const named = (...parts: readonly unknown[]): { readonly name: string } => ({ name: parts.flat().join(' ') });

export const families: { readonly [name: string]: Family } = {
  mlp: {
    form: 'vector',
    draw: (stream, [rows, columns]) => {
      const sizes = [rows * columns, ...evenly(stream, [8, 16, 32], [1, 2, 3]), OUTPUTS];
      const activation = oneOf(stream, activations);
      return mlp({ sizes, activation, ...named('mlp', sizes.join('-'), activation) });
    },
  },
  'cnn-1d': {
    // Columns are its channels, and rows follow each other.
    form: 'rows',
    draw: (stream, [rows, columns]) => {
      const features = evenly(stream, [8, 16, 24], [2, 3]);
      const [kernel, activation] = [oneOf(stream, [3, 5]), oneOf(stream, activations)];
      const input = { positions: [rows], size: columns };
      const name = named('cnn-1d', features.join('-'), `k${kernel}`, activation);
      return cnn({ input, features, kernel, activation, outputs: OUTPUTS, ...name });
    },
  },
  'cnn-2d': {
    form: 'image',
    draw: (stream, positions) => {
      const features = evenly(stream, [8, 16], [2, 3]);
      const [kernel, norm] = [oneOf(stream, [3, 5]), oneOf(stream, ['none', 'batch-norm'] as const)];
      const activation = oneOf(stream, activations);
      const input = { positions, size: 1 };
      const name = named('cnn-2d', features.join('-'), `k${kernel}`, norm === 'none' ? [] : norm, activation);
      return cnn({ input, features, kernel, stride: 2, norm, activation, outputs: OUTPUTS, ...name });
    },
  },
  resnet: {
    form: 'image',
    draw: (stream, positions) => {
      const [width, stages, blocks] = [oneOf(stream, [4, 8]), 2, oneOf(stream, [1, 2])];
      const channels = Array.from({ length: stages }, (_, stage) => width * 2 ** stage);
      const name = named('resnet', channels.join('-'), `${blocks} each`);
      const settings = { blocks: channels.map(() => blocks), channels, positions, size: 1, outputs: OUTPUTS };
      return resnet({ ...settings, stem: 'cifar', ...name });
    },
  },
  'deep-sets': {
    // Pixels with their places.
    form: 'set',
    draw: (stream, [rows, columns]) => {
      const channels = evenly(stream, [16, 24, 32], [2, 3]);
      const [pool, activation] = [oneOf(stream, ['mean', 'max'] as const), oneOf(stream, activations)];
      const settings = { size: 3, elements: rows * columns, channels, pool, hidden: [channels[0]!], activation };
      return deepSets({ ...settings, outputs: OUTPUTS, ...named('deep sets', channels.join('-'), pool, activation) });
    },
  },
  vit: {
    form: 'image',
    draw: (stream, positions) => {
      const [width, depth] = [oneOf(stream, [8, 16, 24]), oneOf(stream, [1, 2])];
      const [heads, pool] = [oneOf(stream, [2, 4]), oneOf(stream, ['class', 'mean'] as const)];
      // 7 × 7 tokens or 2 × 2.
      const patch = positions[0] / oneOf(stream, [7, 2]);
      const settings = { positions, size: 1, patch, width, depth, heads, pool, hidden: 2 * width, outputs: OUTPUTS };
      return vit({ ...settings, ...named('vit', `${width}x${depth}/${patch}`, `${heads} heads`, pool) });
    },
  },
};

/** Names in the order of their codes. */
export const familyNames = Object.keys(families);
