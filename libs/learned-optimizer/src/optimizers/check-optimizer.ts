/** @file What every optimizer must do, whatever it is. */
import { initialize } from '@weightspace/architecture';
import type { Architecture } from '@weightspace/architecture';
import {
  compile,
  countParameters,
  findNonFinite,
  mapValues,
  ndarray,
  RandomStream,
  rows,
  sameBits,
} from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { act, assertEquivariance, permutationGroup, randomElement } from '@weightspace/symmetry';

import { LearnedOptimizerError } from '../kinds.ts';
import type { LearnedOptimizer } from './learned-optimizer.ts';

export interface OptimizerCheckOptions {
  /** Largest error of what shall be equal, as a share of the largest value of each tensor; 1e-5 unless said otherwise. */
  readonly tolerance?: number;
  /** Deviation of what is added to the meta-parameters' start, so that nothing is 0; 0.05 unless said otherwise. */
  readonly noise?: number;
  /** Whether opt(π·θ, π·g) = π·opt(θ, g) for the order of hidden neurons; true unless said otherwise. */
  readonly equivariant?: boolean;
}

export interface OptimizerReport {
  /** Of the certificate; 0 where there is nothing to permute, or it isn't asked for. */
  readonly equivarianceError: number;
}

const [N, STEPS] = [4, 3];

/**
 * Checks an optimizer against its interface, on three steps with gradients that are drawn: that meta-parameters are as many as it
 * says; that names and shapes stay, so that its result is its next argument; that parameters move, and stay finite for gradients of 0; that
 * a network depends on nothing of the others; that copies of meta-parameters lie as blocks; equivariance.
 *
 * @param architecture the one that the optimizer was made for
 * @throws {LearnedOptimizerError} naming the kind, what is wrong, and the values
 * @throws {CertificateError} where it isn't equivariant
 */
export async function checkOptimizer(
  optimizer: LearnedOptimizer,
  architecture: Architecture,
  options: OptimizerCheckOptions = {},
): Promise<OptimizerReport> {
  const { tolerance = 1e-5, noise = 0.05, equivariant = true } = options;
  const check = new OptimizerCheck(optimizer, architecture, tolerance, noise);
  try {
    check.meta();
    await check.updates();
    await check.zeros();
    await check.independence();
    await check.copies();
    return { equivarianceError: equivariant ? await check.equivariance() : 0 };
  } finally {
    await check.release();
  }
}

class OptimizerCheck {
  readonly #optimizer: LearnedOptimizer;
  readonly #architecture: Architecture;
  readonly #tolerance: number;
  readonly #stream = RandomStream.fromSeed(0).split('check-optimizer');
  readonly #copies: readonly [NdArrays, NdArrays];
  readonly #trajectory;

  constructor(optimizer: LearnedOptimizer, architecture: Architecture, tolerance: number, noise: number) {
    this.#optimizer = optimizer;
    this.#architecture = architecture;
    this.#tolerance = tolerance;
    const copy = (label: string): NdArrays =>
      mapValues(optimizer.initialize(this.#stream.split('meta')), (array, name) =>
        ndarray(
          this.#stream
            .split(label)
            .split(name)
            .normal(array.shape, 0, noise)
            .data.map((v, i) => v + array.data[i]!),
          array.shape,
        ),
      );
    this.#copies = [copy('first'), copy('second')];
    const trajectory = (meta: Tensors, start: Tensors, gradients: readonly Tensors[], steps: readonly Tensor[]) => {
      let [params, state] = [start, optimizer.start(start)];
      for (const [i, grads] of gradients.entries()) {
        const before = [params, state];
        ({ params, state } = optimizer.update(meta, state, params, grads, {
          step: steps[i]!,
          horizon: steps.at(-1)!,
          loss: steps[i]!,
        }));
        this.#sameShapes(before, [params, state]);
      }
      return { params, state };
    };
    this.#trajectory = compile(trajectory, { threads: 1, name: `steps of ${optimizer.kind}` });
  }

  release(): Promise<void> {
    return this.#trajectory.release();
  }

  #fail(problem: string): never {
    throw new LearnedOptimizerError(this.#optimizer.kind, problem);
  }

  #sameShapes(before: readonly Tensors[], after: readonly Tensors[]): void {
    const shapes = (tensors: Tensors) => mapValues(tensors, ({ shape, dtype }) => `${dtype} [${shape.join(', ')}]`);
    for (const [i, what] of ['params', 'state'].entries()) {
      const [expected, actual] = [shapes(before[i]!), shapes(after[i]!)];
      for (const name of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
        if (expected[name] === actual[name]) continue;
        this.#fail(
          `update must keep ${what} '${name}' as ${expected[name] ?? 'absent'}, got ${actual[name] ?? 'nothing'}`,
        );
      }
    }
  }

  #start(label = 'start'): NdArrays {
    return initialize(this.#architecture, this.#stream.split(label), { count: N });
  }

  #gradients(label = 'gradients'): NdArrays[] {
    return Array.from({ length: STEPS }, (_, i) =>
      mapValues(this.#start(), ({ shape }, name) =>
        this.#stream
          .split(label)
          .split(i)
          .split(name)
          .normal(shape, 0, 0.1 * (i + 1)),
      ),
    );
  }

  async #run(meta: readonly NdArrays[], params: NdArrays, gradients: readonly NdArrays[]) {
    const count = Object.values(params)[0]!.shape[0]!;
    const steps = gradients.map((_, i) => ndarray(Array<number>(count).fill(i), [count]));
    const result = await this.#trajectory(stacked(meta) as never, params as never, gradients as never, steps as never);
    return result as unknown as { readonly params: NdArrays; readonly state: NdArrays };
  }

  meta(): void {
    const { metaParameterCount } = this.#optimizer;
    const first = this.#optimizer.initialize(this.#stream.split('meta'));
    if (countParameters(first) !== metaParameterCount) {
      this.#fail(`initialize must give ${metaParameterCount} meta-parameters, got ${countParameters(first)}`);
    }
    if (!sameBits(first, this.#optimizer.initialize(this.#stream.split('meta')))) {
      this.#fail('initialize must give the same for the same stream');
    }
    const bad = findNonFinite(first);
    if (bad) this.#fail(`initialize must give finite numbers, got ${bad.value} in '${bad.name}'`);
  }

  async updates(): Promise<void> {
    const start = this.#start();
    const { params, state } = await this.#run([this.#copies[0]], start, this.#gradients());
    const bad = findNonFinite({ ...params, ...state });
    if (bad) this.#fail(`update must give finite numbers, got ${bad.value} in '${bad.name}'`);
    const still = Object.keys(params).find((name) => sameBits({ x: params[name]! }, { x: start[name]! }));
    if (still !== undefined) this.#fail(`update must move every parameter, got none for '${still}'`);
  }

  /** 0/0 waits where all gradients, or all parameters, are 0. */
  async zeros(): Promise<void> {
    const nothing = mapValues(this.#start(), ({ shape, data }) => ndarray(new Float32Array(data.length), shape));
    const { params, state } = await this.#run([this.#copies[0]], nothing, Array<NdArrays>(STEPS).fill(nothing));
    const bad = findNonFinite({ ...params, ...state });
    if (bad) this.#fail(`update must give finite numbers where all are 0, got ${bad.value} in '${bad.name}'`);
  }

  /** Network 0 among others that are changed. */
  async independence(): Promise<void> {
    const [start, gradients] = [this.#start(), this.#gradients()];
    const others = this.#start('others');
    const otherGradients = this.#gradients('other gradients');
    const [base, among] = [
      await this.#run([this.#copies[0]], start, gradients),
      await this.#run(
        [this.#copies[0]],
        firstOf(start, others),
        gradients.map((g, i) => firstOf(g, otherGradients[i]!)),
      ),
    ];
    this.#same(part(base.params, 0, 1), part(among.params, 0, 1), 'a network must not depend on the others');
  }

  async copies(): Promise<void> {
    if (this.#optimizer.metaParameterCount === 0) return;
    const [start, gradients] = [this.#start(), this.#gradients()];
    const together = await this.#run(this.#copies, start, gradients);
    for (const [i, copy] of this.#copies.entries()) {
      const [from, to] = [(i * N) / 2, ((i + 1) * N) / 2];
      const alone = await this.#run(
        [copy],
        part(start, from, to),
        gradients.map((g) => part(g, from, to)),
      );
      const demand = `copy ${i} of 2 must be used by networks ${from} to ${to - 1}`;
      this.#same(alone.params, part(together.params, from, to), demand);
    }
  }

  #same(a: NdArrays, b: NdArrays, demand: string): void {
    for (const [name, { data }] of Object.entries(a)) {
      const scale = Math.max(...data.map(Math.abs));
      data.forEach((value, i) => {
        const other = b[name]!.data[i]!;
        if (!(Math.abs(value - other) <= this.#tolerance * scale)) {
          this.#fail(`${demand}, got ${value} and ${other} in '${name}'`);
        }
      });
    }
  }

  async equivariance(): Promise<number> {
    const group = permutationGroup(this.#architecture);
    const draws = this.#stream.split('elements');
    const elements = Array.from({ length: 3 }, () => randomElement(group, draws));
    if (group.spaces.every(({ kinds }) => kinds.length === 0)) return 0;
    const names = Array.from({ length: STEPS }, (_, i) => `gradient ${i} `);
    const join = (parts: readonly NdArrays[]): NdArrays =>
      Object.fromEntries(
        parts.flatMap((arrays, i) => Object.entries(arrays).map(([name, x]) => [`${['', ...names][i]!}${name}`, x])),
      );
    const split = (all: NdArrays): NdArrays[] =>
      ['', ...names].map((prefix) => mapValues(this.#start(), (_, name) => all[prefix + name]!));
    const report = await assertEquivariance({
      name: this.#optimizer.kind,
      f: async (all) => {
        const [params, ...gradients] = split(all);
        return (await this.#run([this.#copies[0]], params!, gradients)).params;
      },
      input: join([this.#start(), ...this.#gradients()]),
      elements,
      actIn: (g, all) => join(split(all).map((x) => act(this.#architecture, g, x))),
      actOut: (g, params) => act(this.#architecture, g, params),
      tolerance: this.#tolerance,
    });
    return report.error;
  }
}

/** Copies end to end on a new first axis. */
function stacked(copies: readonly NdArrays[]): NdArrays {
  return mapValues(copies[0]!, ({ shape, data }, name) => {
    const all = new Float32Array(copies.length * data.length);
    copies.forEach((copy, i) => all.set(copy[name]!.data, i * data.length));
    return ndarray(all, [copies.length, ...shape]);
  });
}

const part = (arrays: NdArrays, from: number, to: number): NdArrays => mapValues(arrays, (a) => rows(a, from, to));

/** Row 0 of one, the others of another. */
const firstOf = (first: NdArrays, rest: NdArrays): NdArrays =>
  mapValues(rest, (array, name): NdArray => {
    const data = Float32Array.from(array.data);
    data.set(rows(first[name]!, 0, 1).data);
    return ndarray(data, array.shape);
  });
