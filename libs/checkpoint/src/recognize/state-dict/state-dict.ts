/** @file A state dict as recognition reads it: names, shapes, and which of them have been taken. */
import { sizeOf } from '@weightspace/compute';

/** A tensor by name and shape; with its values, tied weights are told from weights of equal shape. */
export interface NamedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype?: string;
  bytes?(): Uint8Array;
}

/** Tensors of a training checkpoint that are no part of the network. */
const FOREIGN =
  /^(optim|optimizer|optimizers|optimizer_state_dict|optimizer_states|lr_scheduler|scheduler|scaler|amp|optimizer_weights)[._/]/;

/** Counters and masks that have no neurons: positions of words, masks of causal attention. */
const CARRIED =
  /(^|\.)(num_batches_tracked|position_ids|token_type_ids|masked_bias|n_averaged)$|(^|\/)seed_generator\//;

export class StateDict {
  readonly names: readonly string[];
  readonly #tensors: ReadonlyMap<string, NamedTensor>;
  readonly #carried = new Set<string>();
  readonly #taken = new Set<string>();

  constructor(tensors: readonly NamedTensor[]) {
    this.#tensors = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    for (const { name } of tensors) if (FOREIGN.test(name) || CARRIED.test(name)) this.#carried.add(name);
    this.names = tensors.map(({ name }) => name).filter((name) => !this.#carried.has(name));
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  /** Of a tensor that is there; [] otherwise. */
  shape(name: string): readonly number[] {
    return this.#tensors.get(name)?.shape ?? [];
  }

  /** What stands before a name that ends so, '' included; undefined where none does. The shortest where several do. */
  prefixOf(ending: string): string | undefined {
    const found = this.names.filter((name) => name === ending || name.endsWith(`.${ending}`));
    const [shortest] = found.toSorted((a, b) => a.length - b.length);
    return shortest?.slice(0, shortest.length - ending.length);
  }

  /** How many blocks there are: indices 0, 1, … that stand between the two texts. */
  count(before: string, after: string): number {
    let count = 0;
    while (this.has(`${before}${count}${after}`)) count++;
    return count;
  }

  take(name: string): void {
    this.#taken.add(name);
  }

  /** Keeps a tensor as it is. */
  carry(name: string): void {
    this.#carried.add(name);
  }

  /** Whether two tensors hold the same values; undefined where values aren't known. */
  same(a: string, b: string): boolean | undefined {
    const [first, second] = [this.#tensors.get(a)!, this.#tensors.get(b)!];
    if (first.shape.join() !== second.shape.join() || sizeOf(first.shape) === 0) return false;
    if (!first.bytes || !second.bytes) return undefined;
    return first.dtype === second.dtype && Buffer.compare(first.bytes(), second.bytes()) === 0;
  }

  get carried(): string[] {
    return [...this.#carried];
  }

  /** Names that no part of the network has taken. */
  get left(): string[] {
    return this.names.filter((name) => !this.#taken.has(name) && !this.#carried.has(name));
  }
}
