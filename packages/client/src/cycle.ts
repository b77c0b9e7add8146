// The sync loop of one scope, as a pure function: state and event in, new state and effects out. runner.ts performs them.
//
//              sync · write · wake · poke · online · leads                nothing left to do
//     idle ───────────────────────────────────────▶ preparing ─────────────────────────────▶ idle
//                                                    │     ▲
//                                           prepared │     │ applied: prepare what is next
//                                                    ▼     │
//                                              exchanging ─┼─ answer ─▶ applying
//                                                    │     │
//            413, 400, stale_batch, bad_checkpoint ──┼─────┴─ mended ◀─ mending
//            unreachable, foreign, 429, 5xx ─────────┼──▶ backoff ── wake · online · live · sync ─▶ preparing
//            401, 403, schema_unknown ───────────────┼──▶ paused  ── credentials · sync ───▶ preparing
//            rolled_back ───────────── mending ──────┴──▶ stopped ── sync ─────────────────▶ preparing
//
//     A storage that fails leads to backoff from everywhere; `close` ends the loop from everywhere.
//
// A poke while something is under way is one more pull behind it. Beside the loop, pages that the server sends unasked are applied as
// they come (follow.ts); `live` says whether it does, and then the loop asks by itself ten times as seldom.
//
// One exchange is in flight at a time; the next one may leave while the last is applied (ahead.ts, exchanges.ts). It carries
// a batch when one is due, and always asks for the next page, so a download never waits for an upload: after a batch that failed,
// the next exchange goes without one, and the one after with a smaller batch.

import { onRefused, stillMax } from './cycle/refused.ts';
import {
  addTally,
  type CycleEvent,
  type CycleOptions,
  type CyclePhase,
  type CycleState,
  type CycleStep,
  noTally,
} from './cycle/state.ts';
import { backOff, finish, halt, mend, poll, prepare, rest, stay } from './cycle/steps.ts';
import type { Blocked } from './refusal.ts';

export function stepCycle(state: CycleState, event: CycleEvent, options: CycleOptions): CycleStep {
  if (state.phase === 'closed') return stay(state);
  switch (event.type) {
    case 'sync':
      return onSync(state, event);
    case 'write':
      return isBusy(state) ? onBusyWrite(state, options) : onOwn(state, options, ['idle']);
    case 'wake':
      return onOwn(state, options, ['idle', 'backoff']);
    case 'poke':
      return isBusy(state) ? stay({ ...state, asked: 'pull' }) : onOwn(state, options, ['idle']);
    case 'live':
      return onLive({ ...state, live: event.open }, event.atMs, options);
    case 'online':
      return onReturn({ ...state, online: true }, event.atMs, options);
    case 'offline':
      return stay({ ...state, online: false });
    case 'leads':
      return onReturn({ ...state, leads: event.leads }, event.atMs, options);
    case 'credentials':
      return state.phase === 'paused' ? begin(state) : onReturn(state, event.atMs, options);
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

/** The server is out of reach: the network failed, or the platform says that there is none. */
export function isOffline({ phase, cause, online }: Pick<CycleState, 'phase' | 'cause' | 'online'>): boolean {
  return phase === 'backoff' ? cause === 'network' : !online;
}

const closed: Blocked = { code: 'replica_closed', message: 'The replica was closed.' };
const stuck: Blocked = { code: 'no_progress', message: 'The server answers, but nothing moves.' };

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

/** A line that opens shows that the network is back, and nothing about what else the loop waits for. */
function onLive(state: CycleState, atMs: number, options: CycleOptions): CycleStep {
  if (state.live && state.phase === 'backoff' && state.cause === 'network')
    return onReturn(state, atMs, options);
  return state.phase === 'idle' ? { state, effects: poll(state, options) } : stay(state);
}

function begin(state: CycleState, priorityMin = 1): CycleStep {
  const next = prepare(
    { ...state, priorityMin, tally: noTally(), still: 0, answered: false, aborting: false },
    { pull: true },
  );
  return { state: next.state, effects: [{ type: 'sleep' }, ...next.effects] };
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
