/** @file Pictures in which every pixel is drawn by the nearest of several networks. */
import { forwardStacked } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import { tf } from '@weightspace/compute';
import type { Tensor, Tensors } from '@weightspace/compute';

/** Pixels; row and column of each go from −1 (centre of the first) to 1 (centre of the last). */
export interface Picture {
  readonly rows: number;
  readonly columns: number;
}

interface Band {
  readonly start: number;
  readonly size: number;
}

/** Pixels along one side by the nearest of `side` networks that stand from −1 to 1 as well; ties go to the later. */
export function bandsOf(pixels: number, side: number): Band[] {
  const nearest = (i: number) => (pixels === 1 ? 0 : Math.round(((side - 1) * i) / (pixels - 1)));
  return Array.from({ length: side }, (_, band) => {
    const own = Array.from({ length: pixels }, (_unused, i) => i).filter((i) => nearest(i) === band);
    return { start: own[0] ?? 0, size: own.length };
  });
}

const place = (i: number, pixels: number): number => (pixels === 1 ? 0 : -1 + (2 * i) / (pixels - 1));

/** Row and column of the pixels of some patches; shape `[patches, P, 2]`. */
function coordinates(patches: readonly (readonly [Band, Band])[], { rows, columns }: Picture): Tensor {
  const all = patches.map(([down, across]) =>
    Array.from({ length: down.size * across.size }, (_, at) => [
      place(down.start + Math.floor(at / across.size), rows),
      place(across.start + (at % across.size), columns),
    ]),
  );
  return tf.tensor3d(all);
}

/**
 * Each of M networks on a √M × √M grid draws the pixels that are nearer to it than to the others.
 *
 * Patches of one size are drawn together; no pixel is drawn twice.
 *
 * Letters: B batch, M networks of a picture, O outputs of a network.
 *
 * @param architecture from coordinates (row, column) to values
 * @param params by parameter; shape `[B, M, …shape]`
 * @returns shape `[B, rows · columns, O]`
 * Source: Zhou et al. 2023, "Neural Functional Transformers", arXiv:2305.13546, section 3.
 * Departs: a pixel half-way between two goes to the later, not to the even one.
 */
export function renderPatches(architecture: Architecture, params: Tensors, picture: Picture): Tensor {
  const [B, M] = Object.values(params)[0]!.shape as [number, number];
  const side = Math.round(Math.sqrt(M));
  const [downs, acrosses] = [bandsOf(picture.rows, side), bandsOf(picture.columns, side)];
  const cells = downs.flatMap((down) => acrosses.map((across) => [down, across] as const));
  const sizes = [...new Set(cells.map(([down, across]) => `${down.size} ${across.size}`))];
  const drawn = new Map<number, Tensor>();
  for (const size of sizes) {
    const own = cells.flatMap(([down, across], at) => (`${down.size} ${across.size}` === size ? [at] : []));
    const [down, across] = cells[own[0]!]!;
    if (down.size * across.size === 0) continue;
    const at = coordinates(
      own.map((cell) => cells[cell]!),
      picture,
    );
    const values = draw(architecture, params, own, tf.tile(at, [B, 1, 1]));
    const apart: Tensor = tf.reshape(values, [B, own.length, down.size, across.size, -1]);
    const parts = own.length === 1 ? [tf.squeeze(apart, [1])] : tf.unstack(apart, 1);
    own.forEach((cell, i) => drawn.set(cell, parts[i]!));
  }
  const lines = downs.flatMap((_, i) =>
    joined(
      acrosses.map((_unused, j) => drawn.get(i * side + j)),
      2,
    ),
  );
  const whole = joined(lines, 1)[0]!;
  return tf.reshape(whole, [B, picture.rows * picture.columns, -1]);
}

/** What is there, side by side; nothing where nothing is. */
function joined(parts: readonly (Tensor | undefined)[], axis: number): Tensor[] {
  const there = parts.filter((part) => part !== undefined);
  return there.length < 2 ? there : [tf.concat(there, axis)];
}

function draw(architecture: Architecture, params: Tensors, cells: readonly number[], x: Tensor): Tensor {
  const own = architecture.parameters.map(({ name, shape }): [string, Tensor] => {
    const all = params[name]!;
    const chosen = cells.length === all.shape[1] ? all : tf.gather(all, tf.tensor1d([...cells], 'int32'), 1);
    return [name, tf.reshape(chosen, [-1, ...shape])];
  });
  return forwardStacked(architecture, Object.fromEntries(own), x);
}
