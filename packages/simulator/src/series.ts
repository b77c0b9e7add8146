// Many seeds one after the other, and what they came to.

import { addOperations, noOperations, type Operations } from './operations.ts';
import type { StoreKind } from './profile.ts';
import { type RunResult, runSeed } from './run.ts';
import type { Failure } from './world.ts';

export interface Series {
  first: number;
  /** The next seed is this much higher. */
  step: number;
  /** At most so many seeds. */
  count: number;
  store?: StoreKind;
  stopAtFailure: boolean;
}

export interface SeriesEvents {
  /** Whether to begin another seed. */
  goesOn: () => boolean;
  begun(seed: number): void;
  ended(seed: number, result: SeriesResult): void;
}

export interface SeriesResult {
  seeds: number;
  operations: Operations;
  virtualMs: number;
  /** `kind state` → how often it struck there. */
  struck: Record<string, number>;
  /** State of the product → how often it was met. */
  met: Record<string, number>;
  failures: SeedFailure[];
}

export interface SeedFailure extends Failure {
  seed: number;
}

export function noSeries(): SeriesResult {
  return { seeds: 0, operations: noOperations(), virtualMs: 0, struck: {}, met: {}, failures: [] };
}

export async function runSeries(series: Series, events: SeriesEvents): Promise<void> {
  const { first, step, count, store, stopAtFailure } = series;
  for (let n = 0; n < count && events.goesOn(); n += 1) {
    const seed = first + n * step;
    events.begun(seed);
    const run = await runSeed({ seed, store });
    events.ended(seed, resultOf(run));
    if (run.failure && stopAtFailure) break;
  }
}

function resultOf({ seed, operations, virtualMs, struck, met, failure }: RunResult): SeriesResult {
  return {
    seeds: 1,
    operations,
    virtualMs,
    struck: Object.fromEntries(struck),
    met: Object.fromEntries(met),
    failures: failure ? [{ seed, ...failure }] : [],
  };
}

export function addSeries(total: SeriesResult, more: SeriesResult): void {
  total.seeds += more.seeds;
  addOperations(total.operations, more.operations);
  total.virtualMs += more.virtualMs;
  addCounts(total.struck, more.struck);
  addCounts(total.met, more.met);
  total.failures.push(...more.failures);
}

function addCounts(total: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(more)) total[name] = (total[name] ?? 0) + count;
}
