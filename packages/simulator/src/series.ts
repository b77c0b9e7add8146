// Many seeds one after the other, and what they came to.

import { addOperations, noOperations, type Operations } from './operations.ts';
import type { StoreKind } from './profile.ts';
import { type RunResult, runSeed } from './run.ts';
import type { Failure } from './world.ts';

export interface SeriesOptions {
  first: number;
  /** The next seed is this much higher. */
  step: number;
  /** At most so many seeds. */
  count: number;
  store?: StoreKind | undefined;
  /** Whether to begin another seed. */
  goesOn: () => boolean;
  stopAtFailure: boolean;
}

export interface SeriesResult {
  seeds: number;
  operations: Operations;
  virtualMs: number;
  /** `kind state` → how often it struck there. */
  struck: Record<string, number>;
  /** State of the product → how often it was met. */
  met: Record<string, number>;
  failures: (Failure & { seed: number })[];
}

export function noSeries(): SeriesResult {
  return { seeds: 0, operations: noOperations(), virtualMs: 0, struck: {}, met: {}, failures: [] };
}

export async function runSeries(options: SeriesOptions): Promise<SeriesResult> {
  const { first, step, count, store, goesOn, stopAtFailure } = options;
  const total = noSeries();
  for (let n = 0; n < count && goesOn(); n += 1) {
    const seed = first + n * step;
    const result = await runSeed({ seed, store });
    addRun(total, result);
    if (result.failure && stopAtFailure) break;
  }
  return total;
}

function addRun(total: SeriesResult, run: RunResult): void {
  const { seed, operations, virtualMs, struck, met, failure } = run;
  addSeries(total, {
    seeds: 1,
    operations,
    virtualMs,
    struck: Object.fromEntries(struck),
    met: Object.fromEntries(met),
    failures: failure ? [{ seed, ...failure }] : [],
  });
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
