/** @file A grouped convolution and both its gradients as one loop over all products. */
import { sizeOf } from '../nd-array.ts';
import type { ConvGeometry } from '../trace/kernels/nd-conv.ts';

interface Array4 {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}
interface Operands {
  readonly x: Array4 | undefined;
  readonly w: Array4 | undefined;
  readonly y: Array4 | undefined;
}

/** @param target which of y = x ∗ w to sum into; the other two are given */
export function groupedConvLoops(
  target: 'x' | 'w' | 'y',
  given: Operands,
  g: ConvGeometry,
  inputShape?: readonly number[],
): Array4 {
  const shapes = shapesOf(given, g, inputShape);
  const out: Array4 = { shape: shapes[target], data: new Float32Array(sizeOf(shapes[target])) };
  const { x, w, y } = { ...given, [target]: out } as { x: Array4; w: Array4; y: Array4 };
  const [, , H, W] = shapes.x as [number, number, number, number];
  const [O, C, K, L] = shapes.w as [number, number, number, number];
  const each = O / g.groups;
  eachIndex(shapes.y, (b, o, i, j, at) => {
    for (let c = 0; c < C; c++) {
      for (let k = 0; k < K; k++) {
        for (let l = 0; l < L; l++) {
          const row = i * g.strides[0]! + k * g.dilations[0]! - g.pads[0]!;
          const column = j * g.strides[1]! + l * g.dilations[1]! - g.pads[1]!;
          if (row < 0 || row >= H || column < 0 || column >= W) continue;
          const channel = Math.floor(o / each) * C + c;
          const xAt = ((b * shapes.x[1]! + channel) * H + row) * W + column;
          const wAt = ((o * C + c) * K + k) * L + l;
          if (target === 'y') out.data[at]! += x.data[xAt]! * w.data[wAt]!;
          else if (target === 'x') out.data[xAt]! += y.data[at]! * w.data[wAt]!;
          else out.data[wAt]! += y.data[at]! * x.data[xAt]!;
        }
      }
    }
  });
  return out;
}

function shapesOf(
  { x, w, y }: Operands,
  g: ConvGeometry,
  inputShape?: readonly number[],
): Record<'x' | 'w' | 'y', readonly number[]> {
  const xShape = x?.shape ?? inputShape!;
  const outputs = w?.shape[0] ?? y!.shape[1]!;
  const wShape = w?.shape ?? [outputs, xShape[1]! / g.groups, ...g.kernel];
  const size = (axis: number) =>
    Math.floor(
      (xShape[axis + 2]! + g.pads[axis]! + g.pads[axis + 2]! - g.dilations[axis]! * (g.kernel[axis]! - 1) - 1) /
        g.strides[axis]!,
    ) + 1;
  return { x: xShape, w: wShape, y: y?.shape ?? [xShape[0]!, outputs, size(0), size(1)] };
}

function eachIndex(
  shape: readonly number[],
  visit: (b: number, o: number, i: number, j: number, at: number) => void,
): void {
  const [B, O, I, J] = shape as [number, number, number, number];
  let at = 0;
  for (let b = 0; b < B; b++)
    for (let o = 0; o < O; o++) for (let i = 0; i < I; i++) for (let j = 0; j < J; j++) visit(b, o, i, j, at++);
}
