import { describe, expect, test, vi } from 'vitest';

import { formatRate, RateMeter, startProgress } from '../src/run/progress.ts';
import { Output } from '../src/run/output.ts';

function streams(isTTY: boolean) {
  const written = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({
    isTTY,
    columns: 120,
    write: (text: string) => ((written[name] += text), true),
    on: () => undefined,
    moveCursor: () => true,
    cursorTo: () => true,
    clearLine: () => true,
  });
  return { written, stdout: stream('stdout'), stderr: stream('stderr') };
}

describe('progress', () => {
  test('prints plain lines at growing intervals where there is no terminal', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const out = streams(false);
      const progress = startProgress(new Output(out, false), { label: 'train', total: 1000, done: 0 });
      for (let step = 1; step <= 1000; step++) {
        vi.advanceTimersByTime(100);
        progress.update(step, `loss ${(1 / step).toFixed(3)}`);
      }
      progress.stop();
      const lines = out.written.stdout.trimEnd().split('\n');
      expect(lines[0]).toBe('train: 50/1000 steps (5 %) · 10 steps/s · 1 min 35 s left · loss 0.020');
      expect(lines.at(-1)).toBe('train: 1000/1000 steps (100 %) · 10 steps/s · after 1 min 40 s · loss 0.001');
      expect(lines.length).toBeGreaterThan(6);
      expect(lines.length).toBeLessThan(15);
      expect(out.written.stderr).toBe('');
    } finally {
      vi.useRealTimers();
    }
  });
  test('counts rate and remaining time from where a resumed run begins', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const out = streams(false);
      const progress = startProgress(new Output(out, false), { label: 'fit', unit: 'networks', total: 200, done: 100 });
      vi.advanceTimersByTime(10_000);
      progress.update(150);
      expect(out.written.stdout).toBe('fit: 150/200 networks (75 %) · 5.0 networks/s · 10 s left\n');
    } finally {
      vi.useRealTimers();
    }
  });
  test('estimates by what is under way where much is done at once', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const out = streams(false);
      const progress = startProgress(new Output(out, false), { label: 'fit', unit: 'networks', total: 1000 });
      vi.advanceTimersByTime(10_000);
      progress.update(100, undefined, 200); // The first of two workers; the second is about to be done too.
      expect(out.written.stdout).toBe('fit: 100/1000 networks (10 %) · 20 networks/s · 40 s left\n');
    } finally {
      vi.useRealTimers();
    }
  });
  test('draws a bar on a terminal, which a line does not tear', () => {
    const out = streams(true);
    const output = new Output(out, false);
    const progress = startProgress(output, { label: 'train', total: 8 });
    progress.update(3, 'loss 0.5');
    output.say('hello');
    progress.update(5, 'loss 0.4');
    progress.stop();
    expect(out.written.stdout).toBe('hello\n');
    expect(out.written.stderr).toContain('train ');
    expect(out.written.stderr).toMatch(/3\/8 steps .*loss 0\.5[^]*\n[^]*5\/8 steps .*loss 0\.4/);
    output.say('after');
    expect(out.written.stdout).toBe('hello\nafter\n');
  });
  test('is silent when quiet', () => {
    const out = streams(true);
    const progress = startProgress(new Output(out, true), { label: 'train', total: 8 });
    progress.update(3);
    progress.stop();
    expect(out.written).toEqual({ stdout: '', stderr: '' });
  });
});

describe('RateMeter', () => {
  test('follows a change of speed', () => {
    const meter = new RateMeter(0, 0);
    expect(meter.rate).toBe(0);
    for (let t = 1; t <= 100; t++) meter.add(t * 2, t);
    for (let t = 101; t <= 140; t++) meter.add(200 + (t - 100) * 7, t);
    expect(meter.rate).toBeCloseTo(7, 5);
  });
  test('leaves out the time in which the process was stopped', () => {
    const meter = new RateMeter(0, 0);
    for (let t = 1; t <= 30; t++) meter.add(t * 2, t);
    meter.add(62, 3631);
    expect(meter.rate).toBeCloseTo(2, 5);
    meter.add(64, 3632);
    expect(meter.rate).toBeCloseTo(2, 5);
  });
  test.each([
    [0, '— steps/s'],
    [0.2, '5.0 s per step'],
    [2.34, '2.3 steps/s'],
    [12345.6, '12,346 steps/s'],
  ])('shows %d as %s', (rate, text) => expect(formatRate(rate, 'steps')).toBe(text));
});
