// The arrows of the sync loop that more than one event takes: the state that they lead to, and what is to be done on the way.

import type { Blocked } from '../refusal.ts';
import type { CycleEffect, CycleOptions, CycleState, CycleStep } from './state.ts';

export function prepare(state: CycleState, { pull }: { pull: boolean }): CycleStep {
  const { priorityMin, mutationsMax, pullFirst, passOver } = state;
  return {
    state: {
      ...state,
      phase: 'preparing',
      asked: 'nothing',
      inFlight: 0,
      preparedMin: priorityMin,
      cut: false,
    },
    effects: [
      { type: 'prepare', push: !pullFirst, pull: pull || pullFirst, priorityMin, mutationsMax, passOver },
    ],
  };
}

export function mend(state: CycleState, mendingTo: CycleState['mendingTo'], effect: CycleEffect): CycleStep {
  return { state: { ...state, phase: 'mending', mendingTo }, effects: [effect] };
}

/** All is sent and read. */
export function rest(state: CycleState, options: CycleOptions): CycleStep {
  const ok = !state.aborting;
  return {
    state: {
      ...state,
      phase: 'idle',
      inFlight: 0,
      ...(ok ? { blocked: undefined, cause: undefined, failures: 0 } : {}),
    },
    effects: [finish(state, ok, ok ? undefined : aborted), ...poll(state, options)],
  };
}

/** After a call for a part, the rest follows soon. */
export function poll(
  { priorityMin, live }: CycleState,
  { everyMs, delayMsMin }: CycleOptions,
): CycleEffect[] {
  if (everyMs === undefined) return [];
  if (priorityMin > 1) return [{ type: 'wake', floorMs: 0, jitterMs: delayMsMin }];
  const floorMs = live ? everyMs * liveFactor : everyMs;
  return [{ type: 'wake', floorMs, jitterMs: floorMs / 10 }];
}

/** What the server tells leaves little to ask for: a verdict that came without a commit, or a word that was lost. */
const liveFactor = 10;

const aborted: Blocked = { code: 'aborted', message: 'The caller no longer waits.' };

export function backOff(state: CycleState, atMs: number, options: CycleOptions): CycleStep {
  const ceiling = Math.min(options.delayMsMax, options.delayMsMin * 2 ** state.failures);
  const wake: CycleEffect[] =
    options.everyMs === undefined ? [] : [{ type: 'wake', floorMs: state.floorMs, jitterMs: ceiling }];
  return {
    state: {
      ...state,
      phase: 'backoff',
      inFlight: 0,
      failures: Math.min(state.failures + 1, 30),
      notBeforeMs: state.floorMs > 0 ? atMs + state.floorMs : 0,
    },
    effects: [finish(state, false, state.blocked), ...wake],
  };
}

export function halt(state: CycleState, phase: 'paused' | 'stopped'): CycleStep {
  return { state: { ...state, phase, inFlight: 0 }, effects: [finish(state, false, state.blocked)] };
}

export function finish({ tally }: CycleState, ok: boolean, blocked: Blocked | undefined): CycleEffect {
  return { type: 'finish', ok, tally, ...(blocked ? { blocked } : {}) };
}

export function stay(state: CycleState): CycleStep {
  return { state, effects: [] };
}
