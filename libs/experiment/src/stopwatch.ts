/** @file Seconds that count on where a resumed run had stopped. */

export class Stopwatch {
  #before = 0;
  readonly #start = performance.now();

  /** Adds the seconds that the run took before it was resumed; of several such numbers the largest counts. */
  resumeFrom(seconds: number): void {
    this.#before = Math.max(this.#before, seconds);
  }

  /** Seconds since the start, with those before it. */
  get seconds(): number {
    return this.#before + (performance.now() - this.#start) / 1000;
  }
}

/** Seconds as a person reads them: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 07 min`. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return '—';
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}
