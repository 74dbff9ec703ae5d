/** @file The architectures of a zoo's runs, each once. */
import { ArchitectureError } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';

import type { ImportedArchitecture, WeightReader } from './import-plan.ts';
import { refusal } from './refuse.ts';

export class ArchitectureList {
  readonly all: ImportedArchitecture[] = [];
  readonly #numbers = new Map<string, number>();

  /** @returns its number; that of an equal one where there is one */
  numberOf({ spec }: Architecture, reader: WeightReader): number {
    const key = JSON.stringify([spec, reader]);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.all.length);
    return this.all.push({ spec, reader }) - 1;
  }
}

/** @throws {ZooError} in place of an ArchitectureError, with the file whose settings it was made from */
export function architectureFrom(file: string, at: string, make: () => Architecture): Architecture {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof ArchitectureError)) throw cause;
    throw refusal({ file, at, expected: 'a network that can be', found: cause.message });
  }
}
