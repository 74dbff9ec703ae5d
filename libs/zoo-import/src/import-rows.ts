/** @file The work of one shard: the weights of some rows, read and brought into the architecture's layout. Runs in a worker. */
import { defineArchitecture } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { ndarray, sizeOf } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';
import type { ZooRows } from '@weightspace/zoo';

import { readRows } from './float-rows.ts';
import type { ImportedArchitecture, ParameterPlace } from './import-plan.ts';
import { refusal } from './refuse.ts';
import { openTorch } from './torch-file.ts';

export interface ImportInput {
  readonly architecture: ImportedArchitecture;
  readonly sources: readonly (number | string)[];
  /** Of every row, in the order of the sources. */
  readonly target: { readonly [name: string]: readonly number[] };
  readonly fit: { readonly [name: string]: { readonly kind: 'float32' | 'int32'; readonly values: readonly number[] } };
  readonly split: readonly number[];
}

/** How a worker finds `importRows`. */
export const importTask = { module: import.meta.url, name: 'importRows' } as const;

export async function importRows({ architecture, sources, target, fit, split }: ImportInput): Promise<ZooRows> {
  return {
    parameters: await readWeights(architecture, sources),
    target: mapColumns(target, (values) => ndarray(Float32Array.from(values), [values.length])),
    fit: mapColumns(fit, ({ kind, values }) =>
      kind === 'int32'
        ? ndarray(Int32Array.from(values), [values.length])
        : ndarray(Float32Array.from(values), [values.length]),
    ),
    split: Uint8Array.from(split),
  };
}

const mapColumns = <T>(columns: { readonly [name: string]: T }, f: (column: T) => NdArray): NdArrays =>
  Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, f(column)]));

/** Parameters of rows, stacked; `[N, …shape]`. */
export async function readWeights(
  { spec, reader }: ImportedArchitecture,
  sources: readonly (number | string)[],
): Promise<NdArrays> {
  const architecture = defineArchitecture(spec);
  const out = Object.fromEntries(
    architecture.parameters.map(({ name, shape }) => [name, new Float32Array(sources.length * sizeOf(shape))]),
  );
  if (reader.rows) {
    const rows = readRows(reader.rows, sources as number[]);
    for (const [name, place] of Object.entries(reader.places)) takeColumns(rows, reader.rows.width, place, out[name]!);
  } else {
    for (const [i, file] of sources.entries()) await takeTensors(String(file), i, architecture, reader.places, out);
  }
  return Object.fromEntries(
    architecture.parameters.map(({ name, shape }) => [name, ndarray(out[name]!, [sources.length, ...shape])]),
  );
}

/** Some columns of each row, with their axes in another order. */
function takeColumns(rows: Float32Array, width: number, place: ParameterPlace, out: Float32Array): void {
  if (place.from !== 'row') return;
  const { start, shape, axes } = place;
  const size = sizeOf(shape);
  const strides = shape.map((_, i) => sizeOf(shape.slice(i + 1)));
  const from = positionsOf(
    axes.map((axis) => shape[axis]!),
    axes.map((axis) => strides[axis]!),
  );
  for (let row = 0, at = 0; row * width < rows.length; row++)
    for (let i = 0; i < size; i++, at++) out[at] = rows[row * width + start + from[i]!]!;
}

/** Where each element of a row-major array stands in one of other strides. */
function positionsOf(shape: readonly number[], strides: readonly number[]): Int32Array {
  const positions = new Int32Array(sizeOf(shape));
  for (let i = 0; i < positions.length; i++) {
    let rest = i;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      positions[i]! += (rest % shape[axis]!) * strides[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
  }
  return positions;
}

async function takeTensors(
  file: string,
  row: number,
  { parameters }: Architecture,
  places: { readonly [parameter: string]: ParameterPlace },
  out: { readonly [parameter: string]: Float32Array },
): Promise<void> {
  const checkpoint = await openTorch(file);
  for (const { name, shape } of parameters) {
    const place = places[name]!;
    const tensor = checkpoint.tensor(place.from === 'tensor' ? place.name : name);
    if (tensor.dtype !== 'float32' || tensor.shape.join() !== shape.join())
      throw refusal({
        file,
        at: tensor.name,
        expected: `float32 [${shape.join(', ')}], as in the first checkpoint`,
        found: `${tensor.dtype} [${tensor.shape.join(', ')}]`,
      });
    out[name]!.set(tensor.read().data as Float32Array, row * sizeOf(shape));
  }
}
