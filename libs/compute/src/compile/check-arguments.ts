/** @file What a compiled function may be given. */
import type { NdArray } from '../nd-array.ts';
import { CONSTRUCTORS, sizeOf } from '../nd-array.ts';
import type { Leaf } from '../tree.ts';

/** Thrown where a compiled function is given what isn't an array, or one that doesn't agree with itself. */
export class ArgumentError extends TypeError {
  override readonly name = 'ArgumentError';
  /** Which argument, and where in it: `0.params.weight`. */
  readonly path: string;

  constructor(fn: string, path: string, problem: string) {
    super(`${fn}: argument ${path} ${problem}`);
    this.path = path;
  }
}

/** @throws {ArgumentError} on the first array that isn't what it says it is */
export function checkArguments(fn: string, arrays: readonly Leaf<NdArray>[]): void {
  const paths = new Set<string>();
  for (const { path, value } of arrays) {
    const { dtype, shape, data } = value;
    const problem = (text: string) => new ArgumentError(fn, path, text);
    if (paths.has(path)) throw problem('is there twice: a name with a dot reads like a nested one; rename it');
    paths.add(path);
    const constructor = (CONSTRUCTORS as { readonly [name: string]: (typeof CONSTRUCTORS)[NdArray['dtype']] })[dtype];
    if (!constructor) throw problem(`must have dtype ${Object.keys(CONSTRUCTORS).join(', ')}, got ${dtype}`);
    if (!(data instanceof constructor))
      throw problem(`must hold ${dtype} in a ${constructor.name}, got a ${(data as object).constructor.name}`);
    if (!shape.every((size) => Number.isInteger(size) && size >= 0))
      throw problem(`must have a shape of whole numbers ≥ 0, got [${shape.join(', ')}]`);
    if (data.length !== sizeOf(shape))
      throw problem(`of shape [${shape.join(', ')}] must hold ${sizeOf(shape)} values, got ${data.length}`);
  }
}
