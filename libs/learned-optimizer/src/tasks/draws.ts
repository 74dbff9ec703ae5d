/** @file How families draw what they vary, and checks of what may be drawn. */
import type { RandomStream } from '@weightspace/compute';

import { LearnedOptimizerError } from '../kinds.ts';

/** Least and greatest. */
export type Range = readonly [number, number];

export const oneOf = <T>(stream: RandomStream, list: readonly T[]): T => list[stream.integer(list.length)]!;

/** A whole number of the range, each as likely. */
export const wholeOf = (stream: RandomStream, [low, high]: Range): number => low + stream.integer(high - low + 1);

/** A whole number of the range, uniform in the logarithm. */
export const logWholeOf = (stream: RandomStream, [low, high]: Range): number =>
  Math.min(high, Math.floor(low * ((high + 1) / low) ** stream.next()));

/** A number of the range, uniform in the logarithm. */
export const logUniformOf = (stream: RandomStream, [low, high]: Range): number => low * (high / low) ** stream.next();

/** @throws {LearnedOptimizerError} unless the setting is two rising whole numbers ≥ 1 */
export function wholeRange(kind: string, name: string, range: readonly number[]): Range {
  const [low, high] = range as [number, number];
  if (range.length === 2 && range.every(Number.isSafeInteger) && 1 <= low && low <= high) return [low, high];
  throw new LearnedOptimizerError(kind, `${name} must be two rising whole numbers ≥ 1, got [${range.join(', ')}]`);
}

/** @throws {LearnedOptimizerError} unless the setting is two rising finite numbers above 0 */
export function positiveRange(kind: string, name: string, range: readonly number[]): Range {
  const [low, high] = range as [number, number];
  if (range.length === 2 && 0 < low && low <= high && high < Infinity) return [low, high];
  throw new LearnedOptimizerError(kind, `${name} must be two rising finite numbers above 0, got [${range.join(', ')}]`);
}

/** @throws {LearnedOptimizerError} unless the setting is one of the names */
export function checkKnown(kind: string, name: string, value: string, names: readonly string[]): void {
  if (names.includes(value)) return;
  throw new LearnedOptimizerError(kind, `${name} must be of ${names.join(', ')}, got '${value}'`);
}

/** @throws {LearnedOptimizerError} unless the setting is a list of such names, with at least one */
export function checkAllKnown(kind: string, name: string, list: readonly string[], names: readonly string[]): void {
  checkFilled(kind, name, list);
  for (const value of list) checkKnown(kind, name, value, names);
}

/** @throws {LearnedOptimizerError} unless the list has something to draw */
export function checkFilled(kind: string, name: string, list: readonly unknown[]): void {
  if (list.length === 0) throw new LearnedOptimizerError(kind, `${name} must not be empty`);
}
