/** @file Options of zoos whose networks learn to classify images. */
import { imageSetNames, imageSetReader } from '@weightspace/dataset';
import type { Task } from '@weightspace/zoo';
import { Option } from 'commander';

import { checkImageData, imageDataTask } from './image-data.ts';
import type { ImageDataInput, ImageForm } from './image-data.ts';
import { countOption } from './zoo-command.ts';

export interface ImageSettings {
  /** The set's name in libs/dataset. */
  readonly images: string;
  readonly shrink: number;
  readonly trainImages: number;
  readonly validationImages: number;
  readonly testImages: number;
  readonly probeImages: number;
}

export const imageOptions = (defaults: ImageSettings): readonly Option[] => [
  new Option('--images <set>', 'what they learn to classify').choices(imageSetNames()).default(defaults.images),
  countOption(
    '--shrink <n>',
    'squares of n × n pixels become one, their mean; 1: pictures as they are',
    defaults.shrink,
  ),
  countOption('--train-images <n>', 'images that networks are trained on, or see their share of', defaults.trainImages),
  countOption('--validation-images <n>', 'training images that no network sees; 0: none', defaults.validationImages),
  countOption('--test-images <n>', 'test images that accuracies are measured on', defaults.testImages),
  countOption('--probe-images <n>', 'training images that their accuracies are measured on', defaults.probeImages),
];

/** Grey images, as they stand in a zoo's recipe. */
export const imageDataOf = (settings: ImageSettings, form: ImageForm = 'image'): ImageDataInput => ({
  set: settings.images,
  train: settings.trainImages,
  validation: settings.validationImages,
  test: settings.testImages,
  probe: Math.min(settings.probeImages, settings.trainImages),
  grey: true,
  shrink: settings.shrink,
  form,
});

/** @throws {RangeError} when they can't be had */
export function imageTask(settings: ImageSettings, form: ImageForm = 'image'): Task {
  const input = imageDataOf(settings, form);
  checkImageData(input);
  return imageDataTask(input);
}

/** Rows and columns of what networks see. */
export function imagePositions({
  images,
  shrink,
}: Pick<ImageSettings, 'images' | 'shrink'>): readonly [number, number] {
  const [rows, columns] = imageSetReader(images).shape;
  return [rows / shrink, columns / shrink];
}
