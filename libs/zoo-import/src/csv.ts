/** @file CSV as pandas writes it: one record per line, quotes where a field needs them. */
import { quoted, refusal } from './refuse.ts';

/** Records of which fields are asked by the column's name. */
export class CsvTable {
  readonly file: string;
  readonly columns: readonly string[];
  /** How many records. */
  readonly count: number;
  readonly #records: readonly (readonly string[])[];
  readonly #index: ReadonlyMap<string, number>;

  /** @throws {ZooError} when a record has not as many fields as there are columns */
  constructor(file: string, bytes: Buffer) {
    this.file = file;
    const [header, ...records] = linesOf(bytes).map(fieldsOf);
    if (!header) throw refusal({ file, expected: 'a line with the names of the columns', found: 'an empty file' });
    this.columns = header;
    this.#index = new Map(header.map((name, i) => [name, i]));
    records.forEach((record, row) => {
      if (record.length === header.length) return;
      throw refusal({
        file,
        at: rowName(row),
        expected: `${header.length} fields, as in the first line`,
        found: String(record.length),
      });
    });
    this.#records = records;
    this.count = records.length;
  }

  has(column: string): boolean {
    return this.#index.has(column);
  }

  /** @throws {ZooError} when there is no such column */
  text(row: number, column: string): string {
    const index = this.#index.get(column);
    if (index === undefined) {
      throw refusal({
        file: this.file,
        expected: `a column ${quoted(column)}`,
        found: this.columns.join(', ') || 'none',
      });
    }
    return this.#records[row]![index]!;
  }

  /** A number; an empty field and pandas's words for a missing one are NaN. @throws {ZooError} on other texts */
  number(row: number, column: string): number {
    const text = this.text(row, column);
    if (/^(|nan|NaN|NA|None)$/.test(text)) return NaN;
    const special = /^([+-]?)inf(inity)?$/i.exec(text);
    if (special) return special[1] === '-' ? -Infinity : Infinity;
    const value = Number(text);
    if (!Number.isNaN(value)) return value;
    throw refusal({ file: this.file, at: `${rowName(row)}, ${column}`, expected: 'a number', found: quoted(text) });
  }

  /** @throws {ZooError} unless it is a whole number ≥ 0 */
  whole(row: number, column: string): number {
    const value = this.number(row, column);
    if (Number.isSafeInteger(value) && value >= 0) return value;
    throw refusal({
      file: this.file,
      at: `${rowName(row)}, ${column}`,
      expected: 'a whole number',
      found: quoted(this.text(row, column)),
    });
  }
}

/** Rows are numbered from 0, as in arrays; lines as editors do. */
export const rowName = (row: number): string => `row ${row} (line ${row + 2})`;

/** The whole text may be longer than a string can be. */
function linesOf(bytes: Buffer): string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(10, at);
    const stop = end < 0 ? bytes.length : end;
    const line = bytes.toString('utf8', at, stop > at && bytes[stop - 1] === 13 ? stop - 1 : stop);
    if (line !== '') lines.push(line);
    at = stop + 1;
  }
  return lines;
}

/** Fields in quotes may hold commas, and quotes written twice. */
function fieldsOf(line: string): string[] {
  if (!line.includes('"')) return line.split(',');
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, inQuotes, plain]) =>
    inQuotes === undefined ? plain! : inQuotes.replaceAll('""', '"'),
  );
}
