/** Names that get united into classes; a class is called after its member that was added first. */
export class UnionFind {
  readonly #order: string[] = [];
  readonly #parent = new Map<string, string>();

  add(name: string): void {
    if (this.#parent.has(name)) return;
    this.#order.push(name);
    this.#parent.set(name, name);
  }

  /** The name of the class. */
  find(name: string): string {
    const parent = this.#parent.get(name);
    if (parent === undefined) throw new Error(`internal: '${name}' is in no class`);
    if (parent === name) return name;
    const root = this.find(parent);
    this.#parent.set(name, root);
    return root;
  }

  unite(a: string, b: string): void {
    const [x, y] = [this.find(a), this.find(b)];
    const [first, second] = this.#order.indexOf(x) <= this.#order.indexOf(y) ? [x, y] : [y, x];
    this.#parent.set(second, first);
  }
}
