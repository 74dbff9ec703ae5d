/** @file Comparison of what a map gives with what it should give, in double precision. */
import { RandomStream } from '@weightspace/compute';
import type { NdArray, NdArrays } from '@weightspace/compute';

import type { CertificateKind, CertificateReport, TensorReport } from './report.ts';
import { VacuousError } from './report.ts';

/** A map of named arrays, compiled or not; a single array as result is called 'output'. */
export type ArrayMap = (input: NdArrays) => NdArrays | NdArray | Promise<NdArrays | NdArray>;

export const isArray = (value: NdArrays | NdArray): value is NdArray => ArrayBuffer.isView((value as NdArray).data);

/** The map's result, copied: a compiled function may write its next result into the same memory. */
export async function evaluate(f: ArrayMap, input: NdArrays): Promise<NdArrays> {
  const result = await f(input);
  const named: NdArrays = isArray(result) ? { output: result } : result;
  return Object.fromEntries(Object.entries(named).map(([name, array]) => [name, copy(array)]));
}

const copy = <A extends NdArray>(array: A): A => ({ ...array, data: array.data.slice() });

export const largest = ({ data }: NdArray): number => {
  let most = 0;
  for (const value of data) most = Math.max(most, Math.abs(value));
  return most;
};

export const sameValues = (a: NdArrays, b: NdArrays): boolean =>
  Object.keys(a).every((name) => a[name]!.data.every((value, i) => value === b[name]!.data[i]));

/** Every float moved by up to half of its size, and by up to a tenth of the array's largest value. */
export function perturb(input: NdArrays, stream: RandomStream): NdArrays {
  return Object.fromEntries(
    Object.entries(input).map(([name, array]) => {
      if (array.dtype !== 'float32') return [name, array];
      const reach = largest(array) / 10 || 0.1;
      const move = (value: number) => value * (1 + stream.next() - 0.5) + reach * (2 * stream.next() - 1);
      return [name, { ...array, data: Float32Array.from(array.data as Float32Array, move) }];
    }),
  );
}

/** What was tried: which tensors came out, and what the symmetry says they should be. */
export interface Trial {
  readonly what: string;
  readonly actual: NdArrays;
  readonly expected: NdArrays;
}

export interface Settings {
  readonly kind: CertificateKind;
  readonly name: string;
  readonly tolerance: number;
  /** Output tensors that may be 0 or constant. */
  readonly allowConstant: readonly string[];
}

/** f(x), and how much each output varies with x, as a share of its size. */
export interface Baseline {
  readonly base: NdArrays;
  readonly variations: ReadonlyMap<string, number>;
}

/**
 * f at the input and at another one.
 *
 * @throws {VacuousError} when an output is empty, isn't finite, is 0 everywhere, or doesn't depend on the input
 */
export async function baseline(settings: Settings, f: ArrayMap, input: NdArrays): Promise<Baseline> {
  const { kind, name, tolerance, allowConstant } = settings;
  const vacuous = (message: string): never => {
    throw new VacuousError(`${kind} of ${name}`, message);
  };
  const base = await evaluate(f, input);
  const varied = await evaluate(f, perturb(input, RandomStream.fromSeed(1)));
  if (Object.values(base).every(({ data }) => data.length === 0)) vacuous('f gives nothing');
  const variations = new Map<string, number>();
  for (const [tensor, array] of Object.entries(base)) {
    const scale = largest(array);
    if (!Number.isFinite(scale)) vacuous(`output '${tensor}' is not finite, so nothing can be compared`);
    const variation = scale === 0 ? 0 : difference(varied[tensor]!, array).error / scale;
    variations.set(tensor, variation);
    if (allowConstant.includes(tensor)) continue;
    if (scale === 0) vacuous(`output '${tensor}' is 0 everywhere, so any symmetry would hold`);
    // Below this, a map that breaks the symmetry in all that it takes from its input would pass.
    if (variation <= 10 * tolerance) {
      vacuous(
        `output '${tensor}' doesn't depend on the input (it varies by ${variation.toExponential(1)} of its size)`,
      );
    }
  }
  return { base, variations };
}

/** The verdict on each output tensor, by its largest value. */
export function judge(settings: Settings, { base, variations }: Baseline, trials: readonly Trial[]): CertificateReport {
  const { kind, name, tolerance } = settings;
  const tensors = Object.entries(base).map(([tensor, array]): TensorReport => {
    const scale = largest(array);
    const { error: distance, at: worst } = worstOf(tensor, trials);
    const error = distance === 0 ? 0 : distance / scale;
    return { name: tensor, error, scale, variation: variations.get(tensor)!, passed: error <= tolerance, worst };
  });
  const error = Math.max(...tensors.map((tensor) => tensor.error));
  return { kind, name, tolerance, elements: trials.length, error, tensors, passed: tensors.every((t) => t.passed) };
}

function worstOf(
  tensor: string,
  trials: readonly Trial[],
): { readonly error: number; readonly at: TensorReport['worst'] } {
  let worst: { error: number; at: TensorReport['worst'] } | undefined;
  trials.forEach(({ what, actual, expected }, element) => {
    const [a, e] = [actual[tensor], expected[tensor]];
    if (!a || !e || a.shape.join() !== e.shape.join()) {
      const shapes = [a, e].map((array) => (array ? `[${array.shape.join(', ')}]` : 'nothing'));
      throw new Error(
        `certify: output '${tensor}' must have one shape, got ${shapes[0]} and expected ${shapes[1]} (${what})`,
      );
    }
    const { error, at } = difference(a, e);
    if (worst !== undefined && error <= worst.error) return;
    const index = indexAt(at, a.shape);
    worst = { error, at: { element, what, index, actual: a.data[at]!, expected: e.data[at]! } };
  });
  return worst!;
}

/** The largest |a − b| and its place; a value that isn't finite counts as infinitely far. */
function difference(a: NdArray, b: NdArray): { readonly error: number; readonly at: number } {
  let [error, at] = [0, 0];
  for (let i = 0; i < a.data.length; i++) {
    const distance = Math.abs(a.data[i]! - b.data[i]!);
    const wrong = Number.isFinite(distance) ? distance : Infinity;
    if (wrong > error) [error, at] = [wrong, i];
  }
  return { error, at };
}

function indexAt(flat: number, shape: readonly number[]): number[] {
  let rest = flat;
  return shape
    .toReversed()
    .map((size) => {
      const at = rest % size;
      rest = Math.floor(rest / size);
      return at;
    })
    .toReversed();
}
