/** @file Registries: of task families, of optimizers, of gradient estimators. */

export type Setting = string | number | boolean | readonly number[] | readonly string[];
export type Settings = { readonly [name: string]: Setting };

/** A task, an optimizer or an estimator can't be made as asked, or doesn't do what it must. */
export class LearnedOptimizerError extends Error {
  override readonly name = 'LearnedOptimizerError';
  /** What complains: a kind, or the name of a task. */
  readonly kind: string;

  constructor(kind: string, problem: string) {
    super(`${kind}: ${problem}`);
    this.kind = kind;
  }
}

/** What every entry of a registry says of itself. */
export interface Kind<S extends Settings = Settings> {
  readonly kind: string;
  /** Paper, section or equation. */
  readonly source: string;
  /** Every setting with its default. */
  readonly settings: S;
}

/** Kinds by name, in the order of their registration. */
export class KindRegistry<K extends Kind> {
  readonly #noun: string;
  readonly #kinds = new Map<string, K>();

  /** @param noun what is registered, for messages, e.g. 'optimizer' */
  constructor(noun: string) {
    this.#noun = noun;
  }

  /** @throws {RangeError} when the name is taken */
  register(kind: K): void {
    if (this.#kinds.has(kind.kind)) {
      throw new RangeError(`register: ${this.#noun} '${kind.kind}' is registered already; rename it`);
    }
    this.#kinds.set(kind.kind, kind);
  }

  all(): readonly K[] {
    return [...this.#kinds.values()];
  }

  /** @throws {LearnedOptimizerError} when there is no such kind */
  get(name: string): K {
    const found = this.#kinds.get(name);
    if (found) return found;
    const known = [...this.#kinds.keys()].join(', ');
    throw new LearnedOptimizerError(this.#noun, `kind must be one of ${known}, got '${name}'`);
  }
}

/**
 * A kind's settings with those that differ.
 *
 * @throws {LearnedOptimizerError} on an unknown setting, or one of another type
 */
export function settingsOf<S extends Settings>({ kind, settings }: Kind<S>, overrides: Settings): S {
  for (const [name, value] of Object.entries(overrides)) {
    const known = settings[name];
    if (known === undefined) {
      throw new LearnedOptimizerError(kind, `has no setting '${name}'; it has ${Object.keys(settings).join(', ')}`);
    }
    if (typeof known !== typeof value || Array.isArray(known) !== Array.isArray(value)) {
      const [like, got] = [JSON.stringify(known), JSON.stringify(value)];
      throw new LearnedOptimizerError(kind, `setting '${name}' must be like ${like}, got ${got}`);
    }
  }
  return { ...settings, ...overrides };
}

/** @throws {LearnedOptimizerError} unless the setting is a whole number, at least `least` */
export function checkWhole(kind: string, name: string, value: number, least = 1): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new LearnedOptimizerError(kind, `${name} must be a whole number ≥ ${least}, got ${value}`);
}

/** @throws {LearnedOptimizerError} unless the setting is finite and above 0 */
export function checkPositive(kind: string, name: string, value: number): void {
  if (value > 0 && value < Infinity) return;
  throw new LearnedOptimizerError(kind, `${name} must be a finite number above 0, got ${value}`);
}
