import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ndarray, RandomStream, sameBits, tf } from '@weightspace/compute';
import type { Restored, Snapshot, Stage } from '@weightspace/experiment';
import { createOptimizer, createTaskFamily, metaTrain, outerDefaults } from '@weightspace/learned-optimizer';
import type { MetaPoint, MetaResult, MetaTraining, Task } from '@weightspace/learned-optimizer';
import { afterAll, describe, expect, test } from 'vitest';

import { stageIn, STEPS, train } from './fixtures/meta-training.ts';

const folder = mkdtempSync(join(tmpdir(), 'meta-train-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const stream = RandomStream.fromSeed(6);

const nowhere: Stage = {
  checkpoint: { load: () => undefined, save: () => undefined },
  safePoint: () => Promise.resolve(),
};

/** Keeps a copy of the snapshot after a step, and stops there. */
function stopping(after: number): { readonly stage: Stage; readonly kept: () => Snapshot } {
  let [steps, kept] = [0, {} as Snapshot];
  const stage: Stage = {
    ...nowhere,
    safePoint: async (snapshot) => {
      if (++steps < after) return;
      const { arrays = {}, json } = await snapshot();
      const copies = Object.entries(arrays).map(([name, a]) => [name, { ...a, data: a.data.slice() }] as const);
      kept = { arrays: Object.fromEntries(copies) as Snapshot['arrays'] & object, json: structuredClone(json) };
      throw new Error('stopped');
    },
  };
  return { stage, kept: () => kept };
}
const from = (snapshot: Snapshot): Stage => ({
  ...nowhere,
  checkpoint: { ...nowhere.checkpoint, load: <S>() => ({ streams: {}, ...snapshot }) as Restored<S> },
});

const bowl = createTaskFamily('quadratic', { dimensions: 3, condition: 10 }).sample(stream);
const bowls = (more: Partial<MetaTraining> = {}): MetaTraining => ({
  tasks: [bowl],
  optimizer: (architecture) => createOptimizer('learnable-sgd', architecture, { rate: 0.01 }),
  truncation: { tasks: 16, length: 5, horizon: [10, 20] },
  estimator: 'pes',
  outer: { ...outerDefaults, steps: 60, rate: 0.1, warmUp: 5 },
  stream,
  stage: nowhere,
  ...more,
});

const known = new Map<string, Promise<MetaResult>>();
function undisturbed(estimator: string): Promise<MetaResult> {
  const made = known.get(estimator) ?? train(estimator, nowhere);
  known.set(estimator, made);
  return made;
}

describe('metaTrain', () => {
  test('finds a better rate', async () => {
    const points: MetaPoint[] = [];
    const { meta, curve } = await metaTrain(bowls({ onStep: (point) => points.push(point) }));
    expect(points).toEqual(curve);
    expect(curve.map(({ step }) => step)).toEqual([...Array(60).keys()].map((i) => i + 1));
    expect(Math.exp(meta['log rate']!.data[0]!)).toBeGreaterThan(0.1);
    const mean = (part: readonly MetaPoint[]) => part.reduce((sum, { loss }) => sum + loss, 0) / part.length;
    expect(mean(curve.slice(-10))).toBeLessThan(0.6 * mean(curve.slice(0, 10)));
    expect(curve[0]).toMatchObject({ innerSteps: 2 * 16 * 5, lost: 0, diverged: 0 });
  });

  test('leaves the curve of a snapshot as it was', async () => {
    const kept: Snapshot[] = [];
    const safePoint: Stage['safePoint'] = async (snapshot) => void kept.push(await snapshot());
    const outer = { ...outerDefaults, steps: 3, warmUp: 1 };
    const { curve } = await metaTrain(bowls({ outer, stage: { ...nowhere, safePoint } }));
    expect(kept.map(({ json }) => json)).toEqual([1, 2, 3].map((steps) => ({ curve: curve.slice(0, steps) })));
  });

  test.each(['pes', 'truncated-es', 'full-es', 'truncated-backpropagation'])(
    'with %s it ends with the same bits when it is stopped and resumed',
    async (estimator) => {
      const whole = await undisturbed(estimator);
      expect(whole.curve).toHaveLength(STEPS);
      const { stage, kept } = stopping(7);
      await expect(train(estimator, stage)).rejects.toThrow('stopped');
      const resumed = await train(estimator, from(kept()));
      expect(sameBits(resumed.meta, whole.meta)).toBe(true);
      expect(resumed.curve).toEqual(whole.curve);
    },
  );

  test('ends with the same bits when its process is killed', async () => {
    const whole = await undisturbed('pes');
    const args = ['--conditions=@weightspace/source', '--import', 'ts-blank-space/register'];
    const script = join(import.meta.dirname, 'fixtures', 'meta-training.ts');
    const child = spawn(process.execPath, [...args, script, join(folder, 'killed')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const steps = await new Promise<number>((resolve, reject) => {
      let seen = 0;
      child.stdout.on('data', (text: Buffer) => {
        seen += text.toString().split('\n').length - 1;
        if (seen >= 3) child.kill('SIGKILL');
      });
      child.on('error', reject);
      child.on('exit', () => resolve(seen));
    });
    expect(steps).toBeGreaterThanOrEqual(3);
    expect(steps).toBeLessThan(STEPS);
    const made: number[] = [];
    const resumed = await train('pes', stageIn(join(folder, 'killed')), ({ step }) => made.push(step));
    expect(made[0]).toBeGreaterThan(2);
    expect(sameBits(resumed.meta, whole.meta)).toBe(true);
    expect(resumed.curve).toEqual(whole.curve);
  });

  test('another seed ends elsewhere', async () => {
    const small = { ...outerDefaults, steps: 3 };
    const [a, b] = [
      await metaTrain(bowls({ outer: small })),
      await metaTrain(bowls({ outer: small, stream: RandomStream.fromSeed(7) })),
    ];
    expect(sameBits(a.meta, b.meta)).toBe(false);
  });

  test('a task without finite losses and gradients is counted, and does not end it', async () => {
    const nan: Task = { ...bowl, name: 'nan', loss: (p, b) => tf.log(tf.neg(bowl.loss(p, b))) };
    for (const estimator of ['pes', 'truncated-backpropagation']) {
      const { meta, curve } = await metaTrain(bowls({ tasks: [bowl, nan], estimator }));
      expect(curve.every(({ diverged }) => diverged >= 0.5)).toBe(true);
      expect(Math.exp(meta['log rate']!.data[0]!)).toBeGreaterThan(0.05);
    }
  });

  test('cuts gradients by value or by length, and begins where it is told to', async () => {
    const meta = { 'log rate': ndarray([-3], []) };
    const moved = async (outer: Partial<MetaTraining['outer']>) => {
      const result = await metaTrain(
        bowls({ meta, outer: { ...outerDefaults, steps: 1, warmUp: 0, rate: 0.01, ...outer } }),
      );
      return result.meta['log rate']!.data[0]! + 3;
    };
    // Adam's first step is as long as its rate, whatever the gradient, unless that is as small as its ε.
    expect(Math.abs(await moved({ clipValue: 0 }))).toBeCloseTo(0.01, 5);
    expect(Math.abs(await moved({ clipValue: 1e-9 }))).toBeLessThan(0.002);
    expect(Math.abs(await moved({ clipValue: 0, clipNorm: 1e-9 }))).toBeLessThan(0.002);
  });

  test.each([
    [{ tasks: [] }, 'metaTrain: tasks must be one or more, got none'],
    [{ tasksPerStep: 2 }, 'metaTrain: tasksPerStep must be at most the 1 tasks, got 2'],
    [{ outer: { ...outerDefaults, rate: 0 } }, 'metaTrain: outer.rate must be a finite number above 0, got 0'],
    [{ outer: { ...outerDefaults, clipNorm: -1 } }, 'metaTrain: outer.clipNorm must be a finite number ≥ 0, got -1'],
    [
      { meta: { rate: ndarray([1], []) } },
      "meta-parameters of 'learnable-sgd' on quadratic 3 must be rate [], got log rate []",
    ],
  ] as readonly (readonly [Partial<MetaTraining>, string])[])('refuses %j', async (change, message) => {
    await expect(metaTrain(bowls(change))).rejects.toThrow(message);
  });

  test('refuses checkpoints of another kind of optimizer', async () => {
    const { stage, kept } = stopping(1);
    await expect(metaTrain(bowls({ stage }))).rejects.toThrow('stopped');
    const other = bowls({ stage: from(kept()), optimizer: (a) => createOptimizer('learnable-adam', a) });
    await expect(metaTrain(other)).rejects.toThrow(
      "meta-parameters of 'learnable-adam' on quadratic 3 must be log rate [], got log epsilon []",
    );
  });
});
