// The sync loop of one scope, as a pure function: state and event in, new state and effects out. runner.ts performs them.
//
//              sync · write · wake · online · leads                       nothing left to do
//     idle ───────────────────────────────────────▶ preparing ─────────────────────────────▶ idle
//                                                    │     ▲
//                                           prepared │     │ applied: prepare what is next
//                                                    ▼     │
//                                              exchanging ─┼─ answer ─▶ applying
//                                                    │     │
//            413, 400, stale_batch, bad_checkpoint ──┼─────┴─ mended ◀─ mending
//            unreachable, foreign, 429, 5xx ─────────┼──▶ backoff ── wake · online · sync ─▶ preparing
//            401, 403, schema_unknown ───────────────┼──▶ paused  ── credentials · sync ───▶ preparing
//            rolled_back ────────────────────────────┴──▶ stopped ── sync ─────────────────▶ preparing
//
//     A storage that fails leads to backoff from everywhere; `close` ends the loop from everywhere.
//
// One exchange is in flight at a time. It carries a batch when one is due, and always asks for the next page, so a download
// never waits for an upload: after a batch that failed, the next exchange goes without one, and the one after with a
// smaller batch.

import {
  addTally,
  type CycleEffect,
  type CycleEvent,
  type CycleOptions,
  type CyclePhase,
  type CycleState,
  type CycleStep,
  noTally,
} from './cycle/state.ts';
import type { Blocked, Refusal } from './refusal.ts';

export function stepCycle(state: CycleState, event: CycleEvent, options: CycleOptions): CycleStep {
  if (state.phase === 'closed') return stay(state);
  switch (event.type) {
    case 'sync':
      return onSync(state, event);
    case 'write':
      return isBusy(state) ? onBusyWrite(state, options) : onOwn(state, options, ['idle']);
    case 'wake':
      return onOwn(state, options, ['idle', 'backoff']);
    case 'online':
      return onReturn({ ...state, online: true }, event.atMs, options);
    case 'offline':
      return stay({ ...state, online: false });
    case 'leads':
      return onReturn({ ...state, leads: event.leads }, event.atMs, options);
    case 'credentials':
      return state.phase === 'paused' ? begin(state) : stay(state);
    case 'prepared':
      return onPrepared({ ...state, inFlight: event.mutations, first: event.first }, options);
    case 'nothing':
      return onNothing(state, options);
    case 'answered':
      return { state: { ...state, phase: 'applying', cut: false }, effects: [{ type: 'apply' }] };
    case 'refused':
      return onRefused(state, event.refusal, event.atMs, options);
    case 'applied':
      return onApplied(state, event, options);
    case 'mended':
      return onMended(state, event.atMs, options);
    case 'storageFailed':
      return backOff({ ...state, blocked: event.blocked, cause: 'storage', floorMs: 0 }, event.atMs, options);
    case 'faulted':
      return backOff({ ...state, blocked: event.blocked, cause: 'fault', floorMs: 0 }, 0, options);
    case 'abort':
      return onAbort(state, event);
    case 'close':
      return {
        state: { ...state, phase: 'closed' },
        effects: [{ type: 'sleep' }, { type: 'abortExchange' }, finish(state, false, closed)],
      };
  }
}

/** Between `begin` and `rest`: an effect is under way whose outcome will come as an event. */
export function isBusy({ phase }: Pick<CycleState, 'phase'>): boolean {
  return phase === 'preparing' || phase === 'exchanging' || phase === 'applying' || phase === 'mending';
}

const closed: Blocked = { code: 'replica_closed', message: 'The replica was closed.' };
const stuck: Blocked = { code: 'no_progress', message: 'The server answers, but nothing moves.' };
/** So often in a row an exchange may move nothing before the loop steps back. */
const stillMax = 3;
const passOverMax = 100;

function onSync(state: CycleState, event: Extract<CycleEvent, { type: 'sync' }>): CycleStep {
  // A pass that nobody waits for is taken over, and what it was begun for is forgotten.
  if (isBusy(state) && state.aborting) {
    const { priorityMin } = event;
    return stay({ ...state, asked: 'pull', aborting: false, priorityMin, tally: noTally() });
  }
  if (isBusy(state)) {
    const priorityMin = Math.min(state.priorityMin, event.priorityMin);
    return stay({ ...state, asked: 'pull', priorityMin });
  }
  if (state.phase === 'backoff' && event.atMs < state.notBeforeMs) {
    return { state, effects: [finish({ ...state, tally: noTally() }, false, state.blocked)] };
  }
  return begin(state, event.priorityMin);
}

function onBusyWrite(state: CycleState, options: CycleOptions): CycleStep {
  const asked = state.asked === 'pull' ? 'pull' : 'push';
  // A loop that runs by itself owes every write its turn, whatever the call asked for that it is busy with.
  return stay({ ...state, asked, priorityMin: options.everyMs === undefined ? state.priorityMin : 1 });
}

/** An event that lets a loop that runs by itself begin, in these phases. */
function onOwn(state: CycleState, options: CycleOptions, phases: readonly CyclePhase[]): CycleStep {
  const runs = options.everyMs !== undefined && state.online && state.leads;
  return runs && phases.includes(state.phase) ? begin(state) : stay(state);
}

function onReturn(state: CycleState, atMs: number, options: CycleOptions): CycleStep {
  return atMs < state.notBeforeMs ? stay(state) : onOwn(state, options, ['idle', 'backoff']);
}

function begin(state: CycleState, priorityMin = 1): CycleStep {
  const next = prepare(
    { ...state, priorityMin, tally: noTally(), still: 0, answered: false, aborting: false },
    { pull: true },
  );
  return { state: next.state, effects: [{ type: 'sleep' }, ...next.effects] };
}

function prepare(state: CycleState, { pull }: { pull: boolean }): CycleStep {
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

/** Nothing has left yet: what nobody asks for any more is not sent. */
function onPrepared(state: CycleState, options: CycleOptions): CycleStep {
  const unwanted = state.aborting || state.priorityMin > state.preparedMin;
  if (unwanted && state.inFlight > 0) return mend(state, 'preparing', { type: 'takeBack' });
  if (state.aborting) return rest(state, options);
  return { state: { ...state, phase: 'exchanging' }, effects: [{ type: 'exchange' }] };
}

function onApplied(
  state: CycleState,
  event: Extract<CycleEvent, { type: 'applied' }>,
  options: CycleOptions,
): CycleStep {
  const grown =
    state.inFlight > 0 ? Math.min(options.batchMutationsMax, state.mutationsMax * 2) : state.mutationsMax;
  const next: CycleState = {
    ...state,
    // A page that came shows nothing about the batch that failed before.
    failures: state.inFlight > 0 ? 0 : state.failures,
    notBeforeMs: 0,
    pullFirst: false,
    answered: true,
    mutationsMax: grown,
    cause: undefined,
    tally: addTally(state.tally, event.tally),
    still: event.progressed ? 0 : state.still + 1,
  };
  if (next.aborting) return rest(next, options);
  const busy = event.more || state.inFlight > 0;
  if (busy && next.still >= stillMax)
    return backOff({ ...next, blocked: stuck, cause: 'server', floorMs: 0 }, 0, options);
  return prepare(next, { pull: event.more || next.asked === 'pull' });
}

/** Nothing is due, and no page was asked for. */
function onNothing(state: CycleState, options: CycleOptions): CycleStep {
  if (state.aborting) return rest(state, options);
  if (state.asked !== 'nothing') return prepare(state, { pull: state.asked === 'pull' });
  // What was passed over comes last.
  return state.passOver.length > 0
    ? prepare({ ...state, passOver: [] }, { pull: false })
    : rest(state, options);
}

function onRefused(state: CycleState, refusal: Refusal, atMs: number, options: CycleOptions): CycleStep {
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
    case 'stop': {
      const to = refusal.type === 'pause' ? 'paused' : 'stopped';
      return back ? mend(next, to, { type: 'takeBack' }) : halt(next, to);
    }
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

function onMended(state: CycleState, atMs: number, options: CycleOptions): CycleStep {
  switch (state.mendingTo) {
    case 'preparing':
      return state.aborting ? rest(state, options) : prepare(state, { pull: true });
    case 'backoff':
      return backOff(state, atMs, options);
    default:
      return halt(state, state.mendingTo);
  }
}

function onAbort(state: CycleState, { priorityMin }: Extract<CycleEvent, { type: 'abort' }>): CycleStep {
  if (!isBusy(state)) return stay(state);
  if (priorityMin !== undefined) return stay({ ...state, priorityMin });
  const cut = state.phase === 'exchanging';
  return { state: { ...state, aborting: true, cut }, effects: cut ? [{ type: 'abortExchange' }] : [] };
}

function mend(state: CycleState, mendingTo: CycleState['mendingTo'], effect: CycleEffect): CycleStep {
  return { state: { ...state, phase: 'mending', mendingTo }, effects: [effect] };
}

/** All is sent and read. */
function rest(state: CycleState, options: CycleOptions): CycleStep {
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
function poll({ priorityMin }: CycleState, { everyMs, delayMsMin }: CycleOptions): CycleEffect[] {
  if (everyMs === undefined) return [];
  if (priorityMin > 1) return [{ type: 'wake', floorMs: 0, jitterMs: delayMsMin }];
  return [{ type: 'wake', floorMs: everyMs, jitterMs: everyMs / 10 }];
}

const aborted: Blocked = { code: 'aborted', message: 'The caller no longer waits.' };

function backOff(state: CycleState, atMs: number, options: CycleOptions): CycleStep {
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

function halt(state: CycleState, phase: 'paused' | 'stopped'): CycleStep {
  return { state: { ...state, phase, inFlight: 0 }, effects: [finish(state, false, state.blocked)] };
}

function finish({ tally }: CycleState, ok: boolean, blocked: Blocked | undefined): CycleEffect {
  return { type: 'finish', ok, tally, ...(blocked ? { blocked } : {}) };
}

function stay(state: CycleState): CycleStep {
  return { state, effects: [] };
}
