import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { initialize, mlp } from '@weightspace/architecture';
import { tensorOf, writeSafetensors } from '@weightspace/checkpoint';
import type { Inspection } from '@weightspace/command-line';
import { loadSafetensors, ndarray, RandomStream, sameBits } from '@weightspace/compute';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'weightspace-'));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
const run = (...args: string[]) =>
  spawnSync(process.execPath, [join(import.meta.dirname, '..', 'bin', 'weightspace.mjs'), ...args], {
    encoding: 'utf8',
  });

/** Of PyTorch: a convolution and a linear layer. */
const onnx = join(import.meta.dirname, 'fixtures', 'cnn.onnx');
const architecture = mlp({ sizes: [3, 4, 2], activation: 'tanh' });
const mlpOptions = ['--architecture', at('mlp.json')];

function write(file: string, seed: number): void {
  const stack = initialize(architecture, RandomStream.fromSeed(seed), { count: 1 });
  const tensors = Object.entries(stack).map(([name, { data, shape }]) =>
    tensorOf(name, ndarray(data as Float32Array, shape.slice(1))),
  );
  writeSafetensors(file, tensors);
}

beforeAll(() => {
  write(at('a.safetensors'), 1);
  write(at('other.safetensors'), 2);
  writeFileSync(at('mlp.json'), JSON.stringify(architecture.spec));
  writeFileSync(at('broken.safetensors'), 'no checkpoint');
});

describe('weightspace inspect', () => {
  test('lists tensors, spaces, the group and the graph as JSON', () => {
    const { status, stdout } = run('inspect', at('a.safetensors'), ...mlpOptions, '--json');
    expect(status).toBe(0);
    const inspection = JSON.parse(stdout) as Inspection;
    expect(inspection).toMatchObject({ format: 'safetensors', parameters: 26, tensorBytes: 104 });
    expect(inspection.network!.spaces.map(({ name, size, free }) => [name, size, free])).toEqual([
      ['x', 3, false],
      ['h1', 4, true],
      ['y', 2, false],
    ]);
    expect(10 ** inspection.network!.log10Permutations).toBeCloseTo(24, 6);
    expect(inspection.network!.graphs).toEqual({
      'graph-metanetwork': { nodes: 11, edges: 26 },
      'neural-graph': { nodes: 9, edges: 20 },
    });
  });

  test('recognizes an ONNX file, and prints tables for people', () => {
    const { status, stdout } = run('inspect', onnx);
    expect(status).toBe(0);
    for (const part of ['onnx', 'permutations', 'graph-metanetwork', 'space', 'tensor']) expect(stdout).toContain(part);
  });

  test('ends with 1 and names the file where it is no checkpoint or missing', () => {
    for (const name of ['broken.safetensors', 'missing.pt']) {
      expect(run('inspect', at(name))).toMatchObject({ status: 1, stderr: expect.stringContaining(name) as string });
    }
  });

  test('ends with 2 on an architecture that cannot be read, and on wrong options', () => {
    const broken = run('inspect', at('a.safetensors'), '--architecture', at('broken.safetensors'));
    expect(broken).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('weightspace-architecture/1') as string,
    });
    expect(run('inspect').status).toBe(2);
    expect(run('inspect', onnx, '--heads', '0')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('whole number ≥ 1') as string,
    });
  });
});

describe('weightspace graph', () => {
  test('draws and writes the graph in every format', () => {
    const outputs = ['svg', 'png', 'gexf', 'graphml', 'json'].flatMap((format) => [`--${format}`, at(`g.${format}`)]);
    const { status, stdout } = run('graph', at('a.safetensors'), ...mlpOptions, ...outputs);
    expect(status).toBe(0);
    expect(stdout).toContain('All 26 connections are drawn.');
    expect(readFileSync(at('g.svg'), 'utf8')).toMatch(/^<svg [^]*<\/svg>$/);
    expect(readFileSync(at('g.png')).subarray(1, 4).toString()).toBe('PNG');
    const { nodes, edges } = JSON.parse(readFileSync(at('g.json'), 'utf8')) as { nodes: unknown[]; edges: unknown[] };
    expect([nodes.length, edges.length]).toEqual([11, 26]);
    for (const name of ['g.gexf', 'g.graphml']) expect(readFileSync(at(name), 'utf8')).toContain('layer1.weight');
  });

  test('ends with 2 without an output, and with 1 on an unknown style', () => {
    expect(run('graph', onnx)).toMatchObject({ status: 2, stderr: expect.stringContaining('--svg') as string });
    expect(run('graph', onnx, '--svg', at('no.svg'), '--style', 'dense')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('neural-graph') as string,
    });
    expect(existsSync(at('no.svg'))).toBe(false);
  });
});

describe('weightspace verify', () => {
  test.each([
    ['our forward pass', [at('a.safetensors'), ...mlpOptions]],
    ['ONNX Runtime', [onnx]],
  ])('proves the symmetries with %s', (ranBy, args) => {
    const { status, stdout } = run('verify', ...args, '--json', '--seed', '4');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ranBy, preserved: true, nontrivial: true });
  });
});

describe('weightspace permute, diff', () => {
  test.each([
    ['a.safetensors', 'p.safetensors', mlpOptions],
    ['cnn.onnx', 'p.onnx', []],
  ])('permutes %s to another network, the same up to symmetry', (name, out, options) => {
    const file = name === 'cnn.onnx' ? onnx : at(name);
    expect(run('permute', file, at(out), '--seed', '3', ...options).status).toBe(0);
    expect(readFileSync(at(out)).equals(readFileSync(file))).toBe(false);
    const { status, stdout } = run('diff', file, at(out), '--json', ...options);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ same: true, identical: false });
  });

  test('ends with 1 and says by how much where networks differ', () => {
    const { status, stdout } = run('diff', at('a.safetensors'), at('other.safetensors'), ...mlpOptions);
    expect(status).toBe(1);
    expect(stdout).toMatch(/different, also up to symmetry[^]*relative +\d/);
    expect(run('diff', at('a.safetensors'), at('a.safetensors'), ...mlpOptions).stdout).toContain('identical');
  });
});

describe('weightspace convert', () => {
  test('keeps every bit through npz and ONNX', () => {
    for (const [from, to] of [
      ['a.safetensors', 'c.npz'],
      ['c.npz', 'c.onnx'],
      ['c.onnx', 'back.safetensors'],
    ]) {
      expect(run('convert', at(from!), at(to!)).status).toBe(0);
    }
    expect(sameBits(loadSafetensors(at('back.safetensors')), loadSafetensors(at('a.safetensors')))).toBe(true);
  });

  test('ends with 2 on an ending that names no format', () => {
    expect(run('convert', at('a.safetensors'), at('x.zip'))).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('.safetensors, .npz, .onnx') as string,
    });
  });
});
