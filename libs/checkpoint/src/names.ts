/** @file Names for tensors that are nested in containers. */
import { CheckpointError, show } from './checkpoint-error.ts';

/** Most levels of containers in containers; real checkpoints have about 6. */
export const NESTING_LIMIT = 64;
const METADATA_LIMIT = 10_000;
const TEXT_LIMIT = 2 ** 16;

/**
 * Names from paths, each of them once: `{ a: { b } }` gives `a.b`; if another tensor has that name already, as in
 * `{ a: { b }, 'a.b' }`, the path is written as a JSON list.
 */
export class NameTable {
  readonly #taken = new Set<string>();
  readonly #separator: string;

  constructor(separator: string) {
    this.#separator = separator;
  }

  take(path: readonly string[]): string {
    return this.takeEither(path, path);
  }

  /** The first path as a name; where that is taken, the second, which tells more. */
  takeEither(path: readonly string[], longer: readonly string[]): string {
    const plain = path.join(this.#separator);
    const joined = longer.join(this.#separator);
    const names = [plain, joined, JSON.stringify(longer)];
    const name = names.find((candidate) => !this.#taken.has(candidate)) ?? plain;
    this.#taken.add(name);
    return name;
  }
}

/** Texts and numbers beside the tensors; there may be many, so only the first 10,000 are kept, of at most 65,536 characters each. */
export class MetadataTable {
  readonly #entries = new Map<string, string>();

  add(path: readonly string[], value: string | number | bigint | boolean): void {
    const text = String(value);
    if (this.#entries.size < METADATA_LIMIT && text.length <= TEXT_LIMIT) this.#entries.set(path.join('.'), text);
  }

  /** An object whose keys are its own, whatever they are called. */
  toRecord(): Record<string, string> {
    return Object.fromEntries(this.#entries);
  }
}

/** @throws {CheckpointError} when containers are nested deeper than any checkpoint needs */
export function checkNesting(file: string, path: readonly string[]): void {
  if (path.length <= NESTING_LIMIT) return;
  const [expected, found] = [`at most ${NESTING_LIMIT} containers in each other`, 'more'];
  throw new CheckpointError({
    file,
    at: show(path.slice(0, 4).join('/')),
    expected,
    found,
    remedy: 'save the state dict alone',
  });
}
