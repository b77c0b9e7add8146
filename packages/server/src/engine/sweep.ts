// What the engine does by itself, every so often: it gives up what waited too long, and writes down reading positions.

import type { Limits, Timer } from '@holdfast/core';
import type { Store } from '../store/port.ts';
import type { Reads } from './reads.ts';

export interface SweepDeps {
  store: Store;
  limits: Limits;
  timer: Timer;
  reads: Reads;
  nowMs: () => number;
  /** Rejects held mutations whose time is over. */
  expire: (scope: string, mutations: readonly string[]) => Promise<unknown>;
  failed: (error: unknown) => void;
}

export interface Sweep {
  run(): Promise<void>;
  stop(): void;
  /** Writes down what was noted since the last run. Never rejects. */
  last(): Promise<void>;
}

const everyMs = 60_000;
const mutationsMax = 1_000;

/** Runs a minute after the last run ended, until it is stopped. */
export function startSweep(deps: SweepDeps): Sweep {
  let stopped = false;
  let timer = deps.timer.after(everyMs, again);
  function again(): void {
    sweep(deps)
      .catch(deps.failed)
      .finally(() => {
        if (!stopped) timer = deps.timer.after(everyMs, again);
      });
  }
  return {
    run: () => sweep(deps),
    stop() {
      stopped = true;
      timer.cancel();
    },
    last: () => writeReads(deps).catch(deps.failed),
  };
}

async function writeReads({ store, reads }: Pick<SweepDeps, 'store' | 'reads'>): Promise<void> {
  if (reads.size() > 0) await store.commit((transaction) => transaction.putReads(reads.take()));
}

async function sweep({ store, limits, reads, nowMs, expire }: SweepDeps): Promise<void> {
  const due = await store.read((snapshot) =>
    snapshot.waitingSince(nowMs() - limits.waitingMsMax, mutationsMax),
  );
  for (const [scope, held] of Map.groupBy(due, (waiting) => waiting.scope)) {
    await expire(
      scope,
      held.map(({ mutation }) => mutation),
    );
  }
  await writeReads({ store, reads });
}
