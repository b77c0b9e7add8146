// The effects of the sync loop's phase `mending`: each is one durable transaction after an exchange that brought no answer.

import type { Clock, Random } from '@holdfast/core';
import type { CycleEffect } from './cycle/state.ts';
import { restartRun } from './pages.ts';
import { type PrepareDeps, type Prepared, takeBackBatch } from './prepare.ts';
import { readProgress, writeProgress } from './progress.ts';
import { renewIfBehind } from './renewal.ts';
import { writeStop } from './stop.ts';
import type { Storage, StorageTransaction } from './storage/port.ts';

export interface MendingDeps extends PrepareDeps {
  storage: Storage;
  clock: Clock;
  random: Random;
}

export type MendingEffect = Extract<CycleEffect, { type: 'takeBack' | 'stop' | 'renew' | 'restart' }>;

/** `prepared`: the exchange that was refused. */
export function mendStorage(deps: MendingDeps, effect: MendingEffect, prepared: Prepared): Promise<void> {
  return deps.storage.transaction('durable', (tx) => mend(tx, deps, { effect, prepared }));
}

async function mend(
  tx: StorageTransaction,
  deps: MendingDeps,
  { effect, prepared }: { effect: MendingEffect; prepared: Prepared },
): Promise<void> {
  const refused = { prepared, wallMs: deps.clock.wallMs() };
  switch (effect.type) {
    case 'takeBack': {
      const { single } = effect;
      return takeBackBatch(tx, deps, { ...refused, ...(single ? { single } : {}) });
    }
    case 'stop':
      if (effect.takeBack) await takeBackBatch(tx, deps, refused);
      return writeStop(tx, deps.scope, effect.reason);
    case 'renew': {
      const { replica, scope, batch } = prepared.request;
      const n = effect.certain ? Number.POSITIVE_INFINITY : (batch?.n ?? 0);
      await renewIfBehind(tx, deps.random, { replica, scope, n });
      return;
    }
    case 'restart': {
      const progress = await readProgress(tx, deps.scope);
      await restartRun(tx, deps, progress);
      return writeProgress(tx, deps.scope, progress);
    }
  }
}
