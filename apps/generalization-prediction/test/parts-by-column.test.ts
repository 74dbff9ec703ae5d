import { RandomStream } from '@weightspace/compute';
import {
  columnTableAsCsv,
  columnTableAsMarkdown,
  namedColumn,
  partsByColumn,
  tauByColumn,
} from '@weightspace/generalization-prediction';
import type { Column } from '@weightspace/generalization-prediction';
import { describe, expect, test } from 'vitest';

const stream = RandomStream.fromSeed(3);
const numbers = (values: readonly number[]): Column => ({
  name: 'x',
  values: Float64Array.from(values),
  names: undefined,
});
const all = ({ values }: Column) => [...values.keys()];
const counts = (column: Column) => partsByColumn(column, all(column)).map(({ name, at }) => [name, at.length]);

describe('partsByColumn', () => {
  test('has a part for each name that occurs among the rows, by their positions', () => {
    const column = namedColumn('activation', ['tanh', 'relu', 'sine', 'relu', 'tanh']);
    expect(partsByColumn(column, [4, 3, 1, 0])).toEqual([
      { name: 'relu', at: [1, 2] },
      { name: 'tanh', at: [0, 3] },
    ]);
  });
  test('has a part for each of a few numbers', () => {
    expect(counts(numbers([10, 2, 2, 0.125, 10, 2]))).toEqual([
      ['0.125', 1],
      ['2', 3],
      ['10', 2],
    ]);
  });
  test('cuts many numbers into quarters of the rows', () => {
    const column = numbers(Array.from(stream.permutation(40), (value) => value / 100));
    expect(counts(column)).toEqual([
      ['0 to 0.09', 10],
      ['0.1 to 0.19', 10],
      ['0.2 to 0.29', 10],
      ['0.3 to 0.39', 10],
    ]);
  });
  test('leaves equal values together, also where most are equal', () => {
    const column = numbers([...Array<number>(31).fill(5), 1, 2, 3, 4, 6, 7, 8, 9, 10]);
    const parts = partsByColumn(column, all(column));
    expect(parts.map(({ name, at }) => [name, at.length])).toEqual([
      ['1 to 4', 4],
      ['5 to 10', 36],
    ]);
    expect(parts.flatMap(({ at }) => at).sort((a, b) => a - b)).toEqual(all(column));
  });
  test('takes infinite numbers, and puts rows without a number last', () => {
    expect(counts(numbers([NaN, 1, Infinity, -Infinity]))).toEqual([
      ['-Infinity', 1],
      ['1', 1],
      ['Infinity', 1],
      ['?', 1],
    ]);
  });
  test('is empty without rows', () => {
    expect(partsByColumn(numbers([1, 2]), [])).toEqual([]);
  });
});

describe('tauByColumn', () => {
  const column = namedColumn('kind', ['a', 'b', 'a', 'b', 'a', 'b', 'c']);
  const truth = [1, 3, 3, 2, 2, 1, 1];
  /** Of rows 6 to 0: those of kind a in opposite order, those of b in order, one of c. */
  const own = { predictions: [[1, 3, 1, 2, 2, 1, 3]], truth, runs: [0, 1, 2, 3, 4, 5, 6] };
  const judged = { m: own, 'n,"1"': { ...own, predictions: [truth] } };
  const found = tauByColumn(column, [6, 5, 4, 3, 2, 1, 0], judged, stream, 50);

  test('is the τ of the rows of each part', () => {
    expect(found.map(({ part, rows, runs }) => [part, rows, runs])).toEqual([
      ['a', 3, 3],
      ['b', 3, 3],
      ['c', 1, 1],
    ]);
    expect(found.map(({ taus }) => taus['m']!.value)).toEqual([-1, 1, NaN]);
    expect(found.map(({ taus }) => taus['n,"1"']!.value)).toEqual([1, 1, NaN]);
  });
  test('is written as Markdown, and as a line for each part and model', () => {
    const table = columnTableAsMarkdown('kind', ['m'], found).split('\n');
    expect(table).toHaveLength(5);
    expect(table[0]).toMatch(/^\| kind \| rows \| runs \| +m \|$/);
    expect(table[2]).toMatch(/^\| a +\| +3 \| +3 \| -1\.000 \(-1\.000 to -1\.000\) \|$/);
    expect(table[4]).toMatch(/^\| c +\| +1 \| +1 \| +\|$/);
    const csv = columnTableAsCsv('kind', ['m', 'n,"1"'], found).trimEnd().split('\n');
    expect(csv).toHaveLength(7);
    expect(csv[0]).toBe('"kind",rows,runs,model,kendall-tau,kendall-tau_low,kendall-tau_high');
    expect(csv[1]).toMatch(/^"a",3,3,"m",-1,/);
    expect(csv[2]).toMatch(/^"a",3,3,"n,""1""",1,/);
    expect(csv[5]).toBe('"c",1,1,"m",,,');
  });
});
