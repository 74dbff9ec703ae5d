import { ndarray, RandomStream } from '@weightspace/compute';
import { trainLoop } from '@weightspace/experiment';
import type { LoopMetrics, LoopState, Progress, Snapshot, Stage, StepInput, TrainLoop } from '@weightspace/experiment';
import { describe, expect, test } from 'vitest';

const quiet: Progress = { update: () => undefined, stop: () => undefined };
const settings = { epochs: 3, batch: 4, rate: 0.1, warmUp: 0.25 };

/** Adds what it draws to a number, so that every draw and every rate shows in the end. */
const loop = (stage: Stage, more: Partial<TrainLoop> = {}): TrainLoop => ({
  stage,
  settings,
  rows: Int32Array.from({ length: 10 }, (_, i) => 100 + i),
  stream: RandomStream.fromSeed(7),
  start: () => ({ params: { x: ndarray([0], [1]) }, optimizer: { 'm/x': ndarray([1], [1]) } }),
  step: (state: LoopState, rows, stream, rate) => {
    const x = state['params']!['x']!.data[0]! + rate * stream.next() + rows.reduce((sum, row) => sum + row, 0) * 1e-3;
    return Promise.resolve({ state: { ...state, params: { x: ndarray([x], [1]) } }, metrics: { loss: 1 / (1 + x) } });
  },
  evaluate: (_, epoch): Promise<LoopMetrics> => Promise.resolve(epoch === 3 ? { 'test/x': 5 } : ({} as LoopMetrics)),
  log: () => undefined,
  progress: () => quiet,
  ...more,
});

/** A stage that keeps the snapshot after a step, and stops there when told to. */
function stageOf(
  stopAt = Infinity,
  from?: Snapshot,
): { readonly stage: Stage; readonly kept: () => Snapshot | undefined } {
  let kept: Snapshot | undefined;
  let steps = 0;
  const stage = {
    checkpoint: { load: () => from },
    safePoint: async (snapshot: () => Snapshot | Promise<Snapshot>) => {
      kept = await snapshot();
      if (++steps === stopAt) throw new Error('stopped');
    },
  } as unknown as Stage;
  return { stage, kept: () => kept };
}

describe('trainLoop', () => {
  test('makes as many steps as whole batches fit, each row once an epoch, and measures', async () => {
    const seen: number[][] = [];
    const logged: number[] = [];
    const plain = loop(stageOf().stage);
    const { curve, state } = await trainLoop({
      ...plain,
      step: (s, rows, stream, rate) => {
        seen.push(Array.from(rows));
        return plain.step(s, rows, stream, rate);
      },
      log: (_, step) => logged.push(step),
    });
    expect(seen).toHaveLength(3 * 2);
    for (const epoch of [0, 1, 2]) expect(new Set(seen.slice(2 * epoch, 2 * epoch + 2).flat()).size).toBe(8);
    expect(curve.map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
    expect(curve[2]).toMatchObject({ 'test/x': 5 });
    expect(state['optimizer']!['m/x']!.data[0]).toBe(1);
    expect(Math.max(...logged)).toBe(6);
  });

  test('tells each step what the next one will see, the same objects, also over the end of an epoch', async () => {
    const plain = loop(stageOf().stage);
    const calls: (readonly [Int32Array, RandomStream, StepInput | undefined])[] = [];
    await trainLoop({
      ...plain,
      step: (s, rows, stream, rate, next) => {
        calls.push([rows, stream, next]);
        return plain.step(s, rows, stream, rate);
      },
    });
    expect(calls).toHaveLength(6);
    calls.forEach(([, , next], i) => {
      expect(next?.rows).toBe(calls[i + 1]?.[0]);
      expect(next?.stream).toBe(calls[i + 1]?.[1]);
    });
  });

  test.each([1, 2, 3, 5])('stopped after step %i and resumed, it ends with the same bits', async (stopAt) => {
    const whole = await trainLoop(loop(stageOf().stage));
    const first = stageOf(stopAt);
    await expect(trainLoop(loop(first.stage))).rejects.toThrow('stopped');
    const saved = JSON.parse(JSON.stringify(first.kept()!.json)) as never;
    const again = await trainLoop(loop(stageOf(Infinity, { arrays: first.kept()!.arrays, json: saved }).stage));
    expect(again.state).toEqual(whole.state);
    expect(again.curve).toEqual(whole.curve);
  });

  const keepLargest = (state: LoopState, { epoch, ...point }: LoopMetrics & { readonly epoch: number }): LoopState =>
    point['train/loss']! > (state['best']?.['loss']?.data[0] ?? 0)
      ? { ...state, best: { loss: ndarray([point['train/loss']!], [1]), epoch: ndarray([epoch], [1]) } }
      : state;
  test.each([2, 4])('what it chose is there after a stop right after epoch %i / 2', async (stopAt) => {
    const whole = await trainLoop(loop(stageOf().stage, { choose: keepLargest }));
    expect(whole.state['best']!['epoch']!.data[0]).toBe(1);
    const first = stageOf(stopAt);
    await expect(trainLoop(loop(first.stage, { choose: keepLargest }))).rejects.toThrow('stopped');
    const saved = JSON.parse(JSON.stringify(first.kept()!.json)) as never;
    const from = { arrays: first.kept()!.arrays, json: saved };
    const again = await trainLoop(loop(stageOf(Infinity, from).stage, { choose: keepLargest }));
    expect(again.state).toEqual(whole.state);
  });

  test('says at which step the loss was lost, and when a batch is too large', async () => {
    const broken = loop(stageOf().stage, {
      step: (state) => Promise.resolve({ state, metrics: { loss: NaN } }),
    });
    await expect(trainLoop(broken)).rejects.toThrow(
      'trainLoop: the loss became NaN at step 0; lower the rate, or clip more',
    );
    const large = loop(stageOf().stage, { settings: { ...settings, batch: 11 } });
    await expect(trainLoop(large)).rejects.toThrow('trainLoop: batch must be at most the 10 rows, got 11');
  });
});
