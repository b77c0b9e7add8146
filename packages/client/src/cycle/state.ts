// What the sync loop of one scope knows, what can happen to it, and what it wants done. cycle.ts says how these go together.

import type { VerdictName } from '@holdfast/core';
import type { Blocked, Refusal } from '../refusal.ts';

export interface CycleOptions {
  /**
   * The loop runs by itself: after writes, after failures, and every so often when idle; ten times as seldom while the server
   * tells what comes. Absent: only when asked to.
   */
  everyMs?: number;
  /** Backoff is drawn from 0 to min(delayMsMax, delayMsMin × 2^failures), behind Retry-After. */
  delayMsMin: number;
  delayMsMax: number;
  batchMutationsMax: number;
}

export type CyclePhase =
  | 'idle'
  | 'preparing'
  | 'exchanging'
  | 'applying'
  | 'mending'
  | 'backoff'
  | 'paused'
  | 'stopped'
  | 'closed';

export interface Tally {
  /** Own mutations that the server answered. */
  pushed: number;
  /** Records received. */
  pulled: number;
  verdicts: Partial<Record<VerdictName, number>>;
  /** Mutations put aside without a verdict. */
  held: number;
}

export interface CycleState {
  phase: CyclePhase;
  online: boolean;
  leads: boolean;
  /** The server tells what comes. */
  live: boolean;
  /** What was asked for since the last `prepare`. */
  asked: 'nothing' | 'push' | 'pull';
  /** What those who wait for the pass ask for. */
  priorityMin: number;
  /** What the last `prepare` was told to send. */
  preparedMin: number;
  /** The last exchange with a batch failed: the next one goes without. */
  pullFirst: boolean;
  /** The server answered an exchange of this pass. */
  answered: boolean;
  mutationsMax: number;
  /** Mutations of the batch in flight. */
  inFlight: number;
  /** The place of its first. */
  first: number;
  /** Places of mutations that failed alone: passed over, so that what cannot be sent does not keep back the rest. */
  passOver: readonly number[];
  failures: number;
  /** Exchanges in a row that moved nothing. */
  still: number;
  /** The server asked not to come back before this monotonic time. */
  notBeforeMs: number;
  /** Nobody waits for the result any more. */
  aborting: boolean;
  /** The exchange in flight was aborted: what comes of it says nothing about the network. */
  cut: boolean;
  /** Where mending leads. */
  mendingTo: 'preparing' | 'backoff' | 'paused' | 'stopped';
  floorMs: number;
  /** Why it backs off, and on whose side the cause lies. */
  cause: 'network' | 'server' | 'storage' | 'fault' | undefined;
  blocked: Blocked | undefined;
  tally: Tally;
}

export type CycleEvent =
  | { type: 'sync'; atMs: number; priorityMin: number }
  | { type: 'write' }
  | { type: 'wake' }
  /** The server says that there is something to pull. */
  | { type: 'poke' }
  /** The server begins or ceases to tell what comes. */
  | { type: 'live'; open: boolean; atMs: number }
  | { type: 'online'; atMs: number }
  | { type: 'offline' }
  | { type: 'leads'; leads: boolean; atMs: number }
  | { type: 'credentials'; atMs: number }
  | { type: 'prepared'; mutations: number; first: number }
  | { type: 'nothing' }
  | { type: 'answered' }
  | { type: 'refused'; refusal: Refusal; atMs: number }
  | { type: 'applied'; more: boolean; progressed: boolean; tally: Tally }
  | { type: 'mended'; atMs: number }
  | { type: 'storageFailed'; blocked: Blocked; atMs: number }
  | { type: 'faulted'; blocked: Blocked }
  /** A caller no longer waits; `priorityMin` is what the others ask for. Absent: there are none. */
  | { type: 'abort'; priorityMin?: number }
  | { type: 'close' };

export type CycleEffect =
  | {
      type: 'prepare';
      push: boolean;
      pull: boolean;
      priorityMin: number;
      mutationsMax: number;
      passOver: readonly number[];
    }
  | { type: 'exchange' }
  | { type: 'apply' }
  | { type: 'takeBack'; single?: { as: 'quarantine' | 'hold'; reason: Blocked } }
  /** Keeps the reason where the next process finds it. */
  | { type: 'stop'; reason: Blocked; takeBack: boolean }
  | { type: 'renew'; certain: boolean }
  | { type: 'restart' }
  /** Wake after `floorMs` and a random part of `jitterMs`; replaces an earlier wake. */
  | { type: 'wake'; floorMs: number; jitterMs: number }
  | { type: 'sleep' }
  | { type: 'abortExchange' }
  | { type: 'finish'; ok: boolean; tally: Tally; blocked?: Blocked };

export interface CycleStep {
  state: CycleState;
  effects: readonly CycleEffect[];
}

export function initialCycle(options: CycleOptions): CycleState {
  return {
    phase: 'idle',
    online: true,
    leads: true,
    live: false,
    asked: 'nothing',
    priorityMin: 1,
    preparedMin: 1,
    pullFirst: false,
    answered: false,
    mutationsMax: options.batchMutationsMax,
    inFlight: 0,
    first: 0,
    passOver: [],
    failures: 0,
    still: 0,
    notBeforeMs: 0,
    aborting: false,
    cut: false,
    mendingTo: 'preparing',
    floorMs: 0,
    cause: undefined,
    blocked: undefined,
    tally: noTally(),
  };
}

export function noTally(): Tally {
  return { pushed: 0, pulled: 0, verdicts: {}, held: 0 };
}

/** Own mutations that the server refused, or that were put aside without a verdict. */
export function failedIn({ verdicts, held }: Pick<Tally, 'verdicts' | 'held'>): number {
  return (verdicts.rejected ?? 0) + held;
}

/** Counts of both; what happened later stands in the second. */
export function addTally(a: Tally, b: Tally): Tally {
  const verdicts: Tally['verdicts'] = { ...a.verdicts };
  for (const [name, count] of Object.entries(b.verdicts) as [VerdictName, number][])
    verdicts[name] = (verdicts[name] ?? 0) + count;
  return { pushed: a.pushed + b.pushed, pulled: a.pulled + b.pulled, verdicts, held: a.held + b.held };
}
