/** Things by name; a name is taken once. */
export class Registry<T> {
  readonly #noun: string;
  readonly #entries = new Map<string, T>();

  /** @param noun what is registered, for messages, e.g. 'layer kind' */
  constructor(noun: string) {
    this.#noun = noun;
  }

  /** @throws when the name is taken */
  register(name: string, entry: T): void {
    if (this.#entries.has(name)) {
      throw new Error(`register: ${this.#noun} '${name}' must not be registered yet, got a second one; rename it`);
    }
    this.#entries.set(name, entry);
  }

  get(name: string): T | undefined {
    return this.#entries.get(name);
  }

  names(): string[] {
    return [...this.#entries.keys()];
  }
}
