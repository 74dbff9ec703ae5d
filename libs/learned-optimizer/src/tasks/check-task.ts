/** @file What every task must do, whatever it is. */
import { checkStacked } from '@weightspace/architecture';
import {
  adam,
  compile,
  findNonFinite,
  ndarray,
  RandomStream,
  sameBits,
  scalar,
  tf,
  valueAndGrads,
} from '@weightspace/compute';
import type { NdArray, NdArrays, Tensor, Tensors } from '@weightspace/compute';
import { act, isIdentity, permutationGroup, randomElement } from '@weightspace/symmetry';

import { LearnedOptimizerError } from '../kinds.ts';
import type { Part, Task } from './task.ts';

export interface TaskCheckOptions {
  /** Networks at once; 3 unless said otherwise. */
  readonly networks?: number;
  /** Steps of Adam in which the loss must fall; 30 unless said otherwise. */
  readonly steps?: number;
  /** Of these steps; 0.01 unless said otherwise. */
  readonly rate?: number;
  /** Largest difference of losses that shall be equal, as a share of the loss; 1e-4 unless said otherwise. */
  readonly tolerance?: number;
}

export interface TaskReport {
  /** Mean loss over networks before and after the steps, on the same data. */
  readonly before: number;
  readonly after: number;
  /** Names of what was checked. */
  readonly checked: readonly string[];
}

/**
 * Checks a task against its interface: names, shapes and equal draws of starts and batches; that parts of the data differ; that a network's loss
 * depends on nothing of the others; that every parameter has a gradient; that the order of hidden neurons doesn't matter;
 * that training lowers the loss; that normalized losses are finite for anything and never fall where the loss rises.
 *
 * @throws {LearnedOptimizerError} naming the task, what is wrong, and the values
 */
export async function checkTask(task: Task, options: TaskCheckOptions = {}): Promise<TaskReport> {
  const { networks = 3, steps = 30, rate = 0.01, tolerance = 1e-4 } = options;
  const check = new TaskCheck(task, networks, tolerance);
  const checked = ['starts', 'batches', 'normalize', 'loss', 'independence', 'gradients', 'symmetry', 'training'];
  try {
    check.starts();
    check.batches();
    await check.normalize();
    await check.loss();
    await check.independence();
    await check.gradients();
    await check.symmetry();
    return { ...(await check.training(steps, rate)), checked };
  } finally {
    await check.release();
  }
}

class TaskCheck {
  readonly #task: Task;
  readonly #count: number;
  readonly #tolerance: number;
  readonly #stream: RandomStream;
  readonly #lossOf;
  readonly #gradientsOf;
  readonly #metricsOf;

  constructor(task: Task, count: number, tolerance: number) {
    this.#task = task;
    this.#count = count;
    this.#tolerance = tolerance;
    this.#stream = RandomStream.fromSeed(0).split('check-task');
    const loss = (params: Tensors, batch: Tensors) => task.loss(params, batch);
    this.#lossOf = compile(loss, { threads: 1, name: `loss of ${task.name}` });
    const gradients = (params: Tensors, batch: Tensors) =>
      valueAndGrads((p) => tf.sum(task.loss(p, batch)), params).grads;
    this.#gradientsOf = compile(gradients, { threads: 1, name: `gradients of ${task.name}` });
    const metrics = (params: Tensors, batch: Tensors): Tensors => task.metrics?.(params, batch) ?? {};
    this.#metricsOf = task.metrics ? compile(metrics, { threads: 1, name: `metrics of ${task.name}` }) : undefined;
  }

  async release(): Promise<void> {
    await Promise.all([this.#lossOf.release(), this.#gradientsOf.release(), this.#metricsOf?.release()]);
  }

  #fail(problem: string): never {
    throw new LearnedOptimizerError(`task '${this.#task.name}'`, problem);
  }

  #start(label = 'start'): NdArrays {
    return this.#task.initialize(this.#stream.split(label), this.#count);
  }

  #batch(part: Part = 'train', label = 'batch'): NdArrays {
    return this.#task.batch(this.#stream.split(label), part, this.#count);
  }

  async #losses(params: NdArrays, batch: NdArrays): Promise<NdArray> {
    return (await this.#lossOf(params as never, batch as never)) as unknown as NdArray;
  }

  starts(): void {
    const params = this.#start();
    const found = checkStacked('initialize', this.#task.architecture, params);
    if (found !== this.#count) this.#fail(`initialize must give ${this.#count} networks, got ${found}`);
    const bad = findNonFinite(params);
    if (bad) this.#fail(`initialize must give finite numbers, got ${bad.value} in '${bad.name}'`);
    if (!sameBits(params, this.#start())) this.#fail('initialize must give the same for the same stream');
  }

  batches(): void {
    const batch = this.#batch();
    for (const [name, { shape }] of Object.entries(batch)) {
      if (shape[0] === this.#count) continue;
      this.#fail(`batch '${name}' must have ${this.#count} networks on its first axis, got [${shape.join(', ')}]`);
    }
    const bad = findNonFinite(batch);
    if (bad) this.#fail(`batch must give finite numbers, got ${bad.value} in '${bad.name}'`);
    if (!sameBits(batch, this.#batch())) this.#fail('batch must give the same for the same stream');
    if (Object.keys(batch).length === 0) return;
    for (const part of ['validation', 'test'] as const) {
      const other = this.#batch(part);
      if (sameBits(batch, other)) this.#fail(`batch must give other data for ${part} than for training`);
      const shapes = (arrays: NdArrays) =>
        JSON.stringify(Object.entries(arrays).map(([n, a]) => [n, a.shape, a.dtype]));
      if (shapes(other) !== shapes(batch)) {
        this.#fail(`batches of ${part} must have the shapes of training, ${shapes(batch)}, got ${shapes(other)}`);
      }
    }
  }

  async normalize(): Promise<void> {
    const values = [-Infinity, -1e30, 0, 1e-3, 0.5, 1, 2, 5, 100, 1e30, Infinity, NaN];
    const f = compile((loss: Tensor) => this.#task.normalize(loss), { threads: 1, name: 'normalize' });
    const { data, shape } = (await f(ndarray(values, [values.length]) as never)) as unknown as NdArray;
    await f.release();
    if (shape.join() !== String(values.length)) this.#fail(`normalize must keep the shape, got [${shape.join(', ')}]`);
    const bad = data.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) this.#fail(`normalize must be finite for any loss, got ${data[bad]} for ${values[bad]}`);
    const falls = data.findIndex((value, i) => i > 0 && value < data[i - 1]!);
    if (falls >= 0) {
      const [x, y] = [values[falls - 1], values[falls]];
      this.#fail(
        `normalize must not fall where the loss rises, got ${data[falls - 1]} for ${x} and ${data[falls]} for ${y}`,
      );
    }
    if (data[2] === data[7]) this.#fail(`normalize must tell losses apart, got ${data[2]} for 0 and for 5`);
  }

  async loss(): Promise<void> {
    const [params, batch] = [this.#start(), this.#batch()];
    const loss = await this.#losses(params, batch);
    if (loss.shape.join() !== String(this.#count)) {
      this.#fail(`loss must have shape [${this.#count}], got [${loss.shape.join(', ')}]`);
    }
    const bad = findNonFinite({ loss });
    if (bad) this.#fail(`loss must be finite at the start, got ${bad.value}`);
    const metrics = ((await this.#metricsOf?.(params as never, batch as never)) ?? {}) as unknown as NdArrays;
    for (const [name, { shape }] of Object.entries(metrics)) {
      if (shape.join() === String(this.#count)) continue;
      this.#fail(`metric '${name}' must have shape [${this.#count}], got [${shape.join(', ')}]`);
    }
  }

  /** Network 0 among others that are changed, in parameters and data. */
  async independence(): Promise<void> {
    const [params, batch] = [this.#start(), this.#batch()];
    const before = await this.#losses(params, batch);
    const [strangers, otherData] = [this.#start('other'), this.#batch('train', 'other')];
    const after = await this.#losses(withFirst(strangers, params), withFirst(otherData, batch));
    this.#same(before.data[0]!, after.data[0]!, "a network's loss must not depend on the others");
  }

  async gradients(): Promise<void> {
    const grads = (await this.#gradientsOf(this.#start() as never, this.#batch() as never)) as unknown as NdArrays;
    const bad = findNonFinite(grads);
    if (bad) this.#fail(`gradients must be finite at the start, got ${bad.value} in '${bad.name}'`);
    const dead = Object.entries(grads).find(([, { data }]) => data.every((value) => value === 0));
    if (dead) this.#fail(`every parameter must have a gradient, got none for '${dead[0]}'`);
  }

  async symmetry(): Promise<void> {
    const { architecture } = this.#task;
    const group = permutationGroup(architecture);
    const [params, batch] = [this.#start(), this.#batch()];
    const element = randomElement(group, this.#stream.split('element'));
    if (isIdentity(element)) return;
    const before = await this.#losses(params, batch);
    const after = await this.#losses(act(architecture, element, params), batch);
    for (let n = 0; n < this.#count; n++) {
      this.#same(before.data[n]!, after.data[n]!, 'the loss must not depend on the order of hidden neurons');
    }
  }

  #same(a: number, b: number, demand: string): void {
    if (Math.abs(a - b) > this.#tolerance * Math.max(1, Math.abs(a))) this.#fail(`${demand}, got ${a} and ${b}`);
  }

  async training(steps: number, rate: number): Promise<{ readonly before: number; readonly after: number }> {
    const optimizer = adam();
    const step = compile(
      (state: Tensors, params: Tensors, batch: Tensors, r: Tensor) =>
        optimizer.update(valueAndGrads((p) => tf.sum(this.#task.loss(p, batch)), params).grads, state, params, r),
      { threads: 1, name: `training of ${this.#task.name}` },
    );
    const probe = this.#batch('train', 'probe');
    let params = this.#start();
    let state = optimizer.init(params);
    const before = mean(await this.#losses(params, probe));
    for (let i = 0; i < steps; i++) {
      const batch = this.#task.batch(this.#stream.split('training').split(i), 'train', this.#count);
      const next = await step(state as never, params as never, batch as never, scalar(rate) as never);
      ({ params, state } = next as unknown as { params: NdArrays; state: NdArrays });
    }
    await step.release();
    const after = mean(await this.#losses(params, probe));
    if (!(after < before))
      this.#fail(`${steps} steps of Adam must lower the loss, got ${before} before and ${after} after`);
    return { before, after };
  }
}

const mean = ({ data }: NdArray): number => Array.from(data).reduce((a, b) => a + b, 0) / data.length;

/** Row 0 of `first`, the others of `rest`. */
const withFirst = (rest: NdArrays, first: NdArrays): NdArrays =>
  Object.fromEntries(
    Object.entries(rest).map(([name, array]) => {
      const data = array.data.slice();
      const stride = data.length / array.shape[0]!;
      data.set(first[name]!.data.subarray(0, stride), 0);
      return [name, { ...array, data } as NdArray];
    }),
  );
