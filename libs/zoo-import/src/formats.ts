/** @file The public zoos that can be read; a new one is a file and a line here. */
import type { ZooFormat } from './import-plan.ts';
import { modelZooDataset } from './model-zoo-dataset.ts';
import { smallCnnZoo } from './small-cnn-zoo.ts';
import { wildPark } from './wild-park.ts';

export const zooFormats: readonly ZooFormat[] = [smallCnnZoo, wildPark, modelZooDataset];

/** @throws {RangeError} when there is no such format */
export function zooFormat(name: string): ZooFormat {
  const found = zooFormats.find((format) => format.name === name);
  if (found) return found;
  const known = zooFormats.map((format) => format.name).join(', ');
  throw new RangeError(`zooFormat: the format must be one of ${known}, got '${name}'`);
}
