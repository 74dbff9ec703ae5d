/** @file What `weightspace inspect` shows. */
import { statSync } from 'node:fs';

import { ELEMENT_BYTES, openCheckpoint } from '@weightspace/checkpoint';
import type { Checkpoint } from '@weightspace/checkpoint';
import { graphSize, graphStyles } from '@weightspace/parameter-graph';
import { permutationGroup, symmetryGroup } from '@weightspace/symmetry';

import { findNetwork } from './open-network.ts';
import type { FoundNetwork, NetworkOptions } from './open-network.ts';
import { bytes, count, order, table } from './table.ts';

export interface Inspection {
  readonly file: string;
  readonly format: string;
  readonly fileBytes: number;
  readonly metadata: { readonly [key: string]: string };
  readonly parameters: number;
  /** Of all tensors in memory. */
  readonly tensorBytes: number;
  readonly layers: readonly {
    readonly name: string;
    readonly parameters: number;
    readonly tensors: readonly { readonly name: string; readonly dtype: string; readonly shape: readonly number[] }[];
  }[];
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
  /** Absent where the file doesn't say what network it is. */
  readonly network?: {
    readonly name: string;
    readonly foundFrom: string;
    readonly spaces: readonly {
      readonly name: string;
      readonly size: number;
      readonly kind: string;
      readonly free: boolean;
      readonly within?: string;
      readonly activation: string;
      readonly symmetries: readonly string[];
    }[];
    /** log₁₀ of the number of permutations. */
    readonly log10Permutations: number;
    readonly graphs: { readonly [style: string]: { readonly nodes: number; readonly edges: number } };
    /** What is assumed, and what was fixed because the recognition knows no better. */
    readonly notes: readonly string[];
  };
  /** Why the network isn't known. */
  readonly unknown?: string;
}

/**
 * Reads a checkpoint's tensors (not their values) and its network.
 *
 * @throws {CheckpointError} when the file can't be read
 * @throws {UsageError} when the architecture that was given doesn't fit
 */
export async function inspectFile(file: string, options: NetworkOptions = {}): Promise<Inspection> {
  const checkpoint = await openCheckpoint(file);
  try {
    const network = await networkPart(checkpoint, options);
    const { format, metadata, skipped, tensors } = checkpoint;
    return {
      file,
      format,
      fileBytes: statSync(file).size,
      metadata,
      parameters: tensors.reduce((sum, { size }) => sum + size, 0),
      tensorBytes: tensors.reduce((sum, { size, dtype }) => sum + size * ELEMENT_BYTES[dtype], 0),
      layers: layersOf(checkpoint),
      skipped,
      ...network,
    };
  } finally {
    checkpoint.close();
  }
}

async function networkPart(
  checkpoint: Checkpoint,
  options: NetworkOptions,
): Promise<Pick<Inspection, 'network' | 'unknown'>> {
  try {
    return { network: describeNetwork(await findNetwork(checkpoint, options)) };
  } catch (error) {
    if (options.architecture !== undefined) throw error;
    return { unknown: error instanceof Error ? error.message : String(error) };
  }
}

function describeNetwork({ network, foundFrom, notes }: FoundNetwork): Inspection['network'] {
  const group = symmetryGroup(network);
  const kinds = new Map(group.spaces.map((space) => [space.name, space.kinds]));
  return {
    name: network.name,
    foundFrom,
    spaces: network.spaces.map(({ name, size, kind, free, within, activation }) => ({
      name,
      size,
      kind,
      free,
      ...(within !== undefined && { within }),
      activation: activation.kind,
      symmetries: kinds.get(name) ?? [],
    })),
    log10Permutations: permutationGroup(network).log10Order,
    graphs: Object.fromEntries(graphStyles().map((style) => [style, graphSize(network, { style })])),
    notes,
  };
}

function layersOf({ tensors }: Checkpoint): Inspection['layers'] {
  const layers = new Map<
    string,
    { name: string; parameters: number; tensors: { name: string; dtype: string; shape: readonly number[] }[] }
  >();
  for (const { name, dtype, shape, size } of tensors) {
    const dot = Math.max(name.lastIndexOf('.'), name.lastIndexOf('/'));
    const layer = dot > 0 ? name.slice(0, dot) : name;
    const known = layers.get(layer) ?? { name: layer, parameters: 0, tensors: [] };
    known.parameters += size;
    known.tensors.push({ name, dtype, shape });
    layers.set(layer, known);
  }
  return [...layers.values()];
}

/** Rows of a table that are shown; `--json` has all. */
const MOST_ROWS = 200;

export function inspectionText(inspection: Inspection): string {
  const { file, format, fileBytes, parameters, tensorBytes, layers, skipped, network, unknown } = inspection;
  const tensors = layers.flatMap((layer) => layer.tensors);
  const head = table([
    ['file', `${file} (${format}, ${bytes(fileBytes)})`],
    ['parameters', `${count(parameters)} in ${count(tensors.length)} tensors, ${bytes(tensorBytes)}`],
    ...(network === undefined ? [] : networkRows(network)),
  ]);
  const listed = tensors.map(({ name, dtype, shape }) => [
    name,
    dtype,
    `[${shape.join(', ')}]`,
    shape.reduce((a, b) => a * b, 1),
  ]);
  const parts = [head, limited([['tensor', 'type', 'shape', 'parameters'], ...listed])];
  if (network) {
    // Along kernels, positions and gates the order is always fixed, and says nothing of the network's symmetry.
    const shown = network.spaces.filter(({ free, kind }) => free || kind === 'neuron');
    const rows = shown.map(({ name, size, kind, free, within, activation, symmetries }) => {
      return [
        name,
        size,
        kind,
        within === undefined ? '' : `within ${within}`,
        activation,
        free ? symmetries.join(', ') : 'fixed',
      ];
    });
    parts.push(limited([['space', 'size', 'kind', '', 'activation', 'symmetries'], ...rows]));
    if (network.notes.length > 0) parts.push(limited(network.notes.map((note) => [`note: ${note}`])));
  } else parts.push(`network unknown: ${unknown}\n(--architecture FILE says what it is)`);
  if (skipped.length > 0)
    parts.push(`skipped:\n${skipped.map(({ name, reason }) => `  ${name}: ${reason}`).join('\n')}`);
  return parts.join('\n\n');
}

const networkRows = ({
  name,
  foundFrom,
  log10Permutations,
  graphs,
}: NonNullable<Inspection['network']>): string[][] => [
  ['network', `${name} (from ${foundFrom})`],
  ['permutations', order(log10Permutations)],
  ...Object.entries(graphs).map(([style, { nodes, edges }]) => [
    'graph',
    `${style}: ${count(nodes)} nodes, ${count(edges)} edges`,
  ]),
];

const limited = (rows: readonly (readonly (string | number)[])[]): string =>
  table(rows.slice(0, MOST_ROWS)) +
  (rows.length > MOST_ROWS ? `\n… and ${count(rows.length - MOST_ROWS)} more (--json lists all)` : '');
