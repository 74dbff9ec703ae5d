/** @file The edges of a structure as arrays of indices. */
import { sizeOf } from '@weightspace/compute';

import type { GraphStructure, NodeOrder, StructureBlock, TensorView } from './graph-structure.ts';

/** Edges in the order of the structure's blocks, each row-major over its shape (places last). */
export interface StructureArrays {
  /** `[E]`: nodes. */
  readonly source: Int32Array;
  readonly target: Int32Array;
  /** `[K]`: where the value stands in the parameters, one after the other in the network's order; −1: no parameter. */
  readonly slots: Int32Array;
}

/** Letters: E edges, K values on edges. Blocks begin where `start` and `valueStart` of theirs say. */
export function structureArrays(structure: GraphStructure): StructureArrays {
  const { edgeCount, blocks, groups, network } = structure;
  const offsets = new Map<string, number>();
  let next = 0;
  for (const { name, shape } of network.parameters) {
    offsets.set(name, next);
    next += sizeOf(shape);
  }
  const shapes = new Map(network.parameters.map(({ name, shape }) => [name, shape]));
  const last = blocks.at(-1);
  const slots = new Int32Array(last === undefined ? 0 : last.valueStart + last.size * last.width).fill(-1);
  const arrays = { source: new Int32Array(edgeCount), target: new Int32Array(edgeCount), slots };
  for (const block of blocks) {
    fillEnds(arrays, block, groups[block.source]!.start, groups[block.target]!.start);
    if (block.view === undefined) continue;
    const from = offsets.get(block.view.parameter)!;
    viewOffsets(block.view, shapes.get(block.view.parameter)!).forEach(
      (offset, i) => (slots[block.valueStart + i] = from + offset),
    );
  }
  return arrays;
}

function fillEnds(
  { source, target }: StructureArrays,
  { shape, start, width, sourceOrder, targetOrder }: StructureBlock,
  firstSource: number,
  firstTarget: number,
): void {
  const [sources, targets] = [
    nodesOf(shape.shared * shape.source, sourceOrder),
    nodesOf(shape.shared * shape.target, targetOrder),
  ];
  const parallel = shape.places / width;
  let edge = start;
  for (let g = 0; g < shape.shared; g++) {
    for (let t = 0; t < shape.target; t++) {
      for (let s = 0; s < shape.source; s++) {
        for (let p = 0; p < parallel; p++, edge++) {
          source[edge] = firstSource + sources[g * shape.source + s]!;
          target[edge] = firstTarget + targets[g * shape.target + t]!;
        }
      }
    }
  }
}

/** The node, as its group numbers it, that comes at each position of a block's end. */
const nodesOf = (size: number, order: NodeOrder | undefined): Int32Array => {
  const nodes = Int32Array.from({ length: size }, (_, i) => i);
  return order === undefined ? nodes : transposed(nodes, order);
};

/** Where each entry of a view stands in its parameter, flat, in the order of the view's shape. */
export function viewOffsets({ ranges, sizes, order }: TensorView, shape: readonly number[]): Int32Array {
  const box = ranges.reduce<Int32Array>((outer, { start, size }, axis) => {
    const inner = Int32Array.from({ length: size }, (_, i) => start + i);
    const result = new Int32Array(outer.length * size);
    outer.forEach((at, i) => inner.forEach((own, j) => (result[i * size + j] = at * shape[axis]! + own)));
    return result;
  }, new Int32Array(1));
  return transposed(box, { sizes, order });
}

function transposed(from: Int32Array, { sizes, order }: NodeOrder): Int32Array {
  const strides = sizes.map((_, i) => sizeOf(sizes.slice(i + 1)));
  return order
    .reduce<Int32Array>((outer, axis) => {
      const [size, stride] = [sizes[axis]!, strides[axis]!];
      const result = new Int32Array(outer.length * size);
      outer.forEach((at, i) => {
        for (let j = 0; j < size; j++) result[i * size + j] = at + j * stride;
      });
      return result;
    }, new Int32Array(1))
    .map((at) => from[at]!);
}
