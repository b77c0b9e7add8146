// Where a refused exchange leads the sync loop.

import type { Refusal } from '../refusal.ts';
import {
  addTally,
  type CycleEffect,
  type CycleOptions,
  type CycleState,
  type CycleStep,
  noTally,
} from './state.ts';
import { backOff, halt, mend, prepare, rest } from './steps.ts';

/** So often in a row an exchange may move nothing before the loop steps back. */
export const stillMax = 3;

export function onRefused(
  state: CycleState,
  refusal: Refusal,
  atMs: number,
  options: CycleOptions,
): CycleStep {
  if (state.cut) return state.aborting ? rest(state, options) : prepare(state, { pull: true });
  const withBatch = state.inFlight > 0;
  const back = refusal.nothingDone && withBatch;
  const next: CycleState = { ...state, blocked: refusal.blocked, cause: 'server', floorMs: 0 };
  switch (refusal.type) {
    case 'backoff': {
      const waiting = { ...next, ...afterFailedBatch(state), cause: refusal.cause, floorMs: refusal.floorMs };
      return back ? mend(waiting, 'backoff', { type: 'takeBack' }) : backOff(waiting, atMs, options);
    }
    case 'pause':
      return back ? mend(next, 'paused', { type: 'takeBack' }) : halt(next, 'paused');
    case 'stop':
      return mend(next, 'stopped', { type: 'stop', reason: refusal.blocked, takeBack: back });
    case 'recut': {
      // Without a batch there is nothing to cut: the envelope itself is not taken.
      if (!withBatch) return refusal.bare ? backOff(next, atMs, options) : halt(next, 'paused');
      const alone = state.inFlight === 1;
      const mutationsMax = Math.max(1, Math.floor(state.inFlight / 2));
      // Only when the server takes an exchange without it is the mutation to blame, and not the envelope or a proxy.
      if (!alone || !state.answered) {
        return mend({ ...next, mutationsMax, pullFirst: true }, 'preparing', { type: 'takeBack' });
      }
      const tally = addTally(state.tally, { ...noTally(), held: 1 });
      const single = { as: refusal.single, reason: refusal.blocked };
      return mend({ ...next, mutationsMax, tally }, 'preparing', { type: 'takeBack', single });
    }
    case 'stale':
    case 'restart': {
      const still = state.still + 1;
      if (still >= stillMax) return backOff({ ...next, still }, atMs, options);
      const effect: CycleEffect =
        refusal.type === 'stale' ? { type: 'renew', certain: refusal.certain } : { type: 'restart' };
      return mend({ ...next, still }, 'preparing', effect);
    }
  }
}

/** Pages first; then half the batch. One that was alone is passed over next time, and comes last. */
function afterFailedBatch(state: CycleState): Pick<CycleState, 'pullFirst' | 'mutationsMax' | 'passOver'> {
  const { inFlight, pullFirst, mutationsMax, passOver } = state;
  if (inFlight === 0) return { pullFirst, mutationsMax, passOver };
  return {
    pullFirst: true,
    mutationsMax: Math.max(1, Math.floor(inFlight / 2)),
    passOver: inFlight === 1 ? [...passOver, state.first].slice(-passOverMax) : passOver,
  };
}

const passOverMax = 100;
