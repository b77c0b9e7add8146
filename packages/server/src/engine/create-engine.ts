// Wires the engine: lanes of waiting work, group commits, pages, and who is told when a head moves.

import type {
  Clock,
  Declared,
  DeclaredOutcome,
  Limits,
  PlanItem,
  PushOutcome,
  Random,
  Resolution,
  ResolveOutcome,
  Schema,
  Sha256,
  Timer,
} from '@holdfast/core';
import { declaredMutations, ownReplicas, RequestError } from '@holdfast/core';
import type { Store } from '../store/port.ts';
import { rightIn } from './access.ts';
import type { Admitted } from './admission.ts';
import { checkPosition, readCheckpoint } from './checkpoint.ts';
import type { CommitDeps, CommitJob, Committed } from './commit.ts';
import { createCommitLanes } from './commit-lanes.ts';
import { createDeviceNotes, type DeviceNotes } from './device-notes.ts';
import { type Caller, type DeclaredRequest, type Engine, operator, type PushRequest } from './engine.ts';
import { answerOf, type FaultDeps } from './faults.ts';
import { follow, readIdentityMark, readStandings } from './follow.ts';
import { createHeads, type Heads } from './heads.ts';
import { createInspect } from './inspect.ts';
import { createListeners, followersOf } from './listeners.ts';
import { newMutationId } from './mutation-id.ts';
import { pull, readGrants } from './pull.ts';
import { readTo } from './read-to.ts';
import { createReads } from './reads.ts';
import { startSweep } from './sweep.ts';
import { createSyncLog, type SyncLog } from './sync-log.ts';

export interface EngineDeps extends FaultDeps {
  store: Store;
  schema: Schema;
  limits: Limits;
  clock: Clock;
  random: Random;
  timer: Timer;
  sha256: Sha256;
  /** Resolves at the end of this turn of the event loop (setImmediate). */
  turn: () => Promise<void>;
}

/** Names of those whose writes are declared: `<protocol>/<device>`. */
const declaredWriter = /^[a-z]+\//;

/** Scopes whose heads are kept in memory. */
const headsMax = 1_000;

export function createEngine(deps: EngineDeps): Engine {
  const { store, limits } = deps;
  const nowMs = (): number => deps.clock.wallMs();
  const listeners = createListeners();
  const heads = createHeads(store.life.id, headsMax);
  const reads = createReads(limits.readersPerScopeMax);
  const lanes = createCommitLanes(deps, {
    store,
    nowMs,
    context: contextOf(deps),
    reads,
    followers: followersOf(listeners, heads),
  });
  const submit = (job: Omit<CommitJob, 'resolve' | 'reject'>): Promise<Committed> =>
    new Promise((resolve, reject) => lanes.add({ ...job, resolve, reject }));
  const healthy: Healthy = (work) =>
    work.catch((error: unknown) => {
      throw answerOf(deps, error);
    });
  const sweep = startSweep({
    store,
    limits,
    reads,
    nowMs,
    timer: deps.timer,
    expire: (scope, mutations) => submit(expireJob(scope, mutations)),
    failed: (error) => deps.log('warn', 'The sweep failed and will be tried again.', { error }),
  });
  const syncs = createSyncs(deps, { nowMs, healthy });
  const deviceNotes = createNotes(deps, { nowMs, healthy });
  return {
    async push(caller, scope, request) {
      await healthy(checkBatch({ store, nowMs, heads }, { caller, scope }, request));
      const { outcome, pulled } = await submit(pushJob(caller, scope, request));
      const { verdicts, errors } = pushed(outcome as PushOutcome);
      return { verdicts, errors, ...(pulled ? { pulled } : {}) };
    },
    async pushDeclared(caller, scope, request) {
      if (request.writes.length === 0) return [];
      const { outcome } = await submit(declaredJob(deps, { caller, scope }, request));
      return declared(outcome as DeclaredOutcome);
    },
    pull: (reader, scope, request) =>
      healthy(pull({ store, limits, nowMs, noteRead: reads.note }, reader, scope, request)),
    readTo: (scope, device, asked) => healthy(readTo({ store, reads }, { scope, device }, asked)),
    async resolve(caller, scope, conflict, seen, answer) {
      const mutation = newMutationId(deps.random);
      const committed = await submit(resolveJob(caller, scope, { conflict, ...seen, answer, mutation }));
      const outcome = committed.outcome as ResolveOutcome;
      if (outcome.type !== 'unresolved') return outcome;
      const { code, field, message } = outcome;
      throw new RequestError(code, { field, message });
    },
    subscribe: listeners.add,
    ...following(store, { nowMs, healthy }),
    inspect: createInspect(store),
    syncs,
    deviceNotes,
    sweep: sweep.run,
    async stop() {
      sweep.stop();
      await lanes.stop();
      await sweep.last();
      await syncs.stop();
      await deviceNotes.stop();
    },
  };
}

type Healthy = <Result>(work: Promise<Result>) => Promise<Result>;

function createSyncs(
  deps: EngineDeps,
  { nowMs, healthy }: { nowMs: () => number; healthy: Healthy },
): SyncLog {
  const { store, limits, timer } = deps;
  const log = createSyncLog({ store, limits, timer, nowMs, failed: (error) => answerOf(deps, error) });
  return {
    ...log,
    stats: (protocol, kinds) => healthy(log.stats(protocol, kinds)),
    list: (query) => healthy(log.list(query)),
  };
}

function createNotes(
  deps: EngineDeps,
  { nowMs, healthy }: { nowMs: () => number; healthy: Healthy },
): DeviceNotes & { stop(): Promise<void> } {
  const { store, limits, timer } = deps;
  const notes = createDeviceNotes({ store, limits, timer, nowMs, failed: (error) => answerOf(deps, error) });
  return {
    ...notes,
    list: (query) => healthy(notes.list(query)),
    written: () => healthy(notes.written()),
  };
}

function following(
  store: Store,
  { nowMs, healthy }: { nowMs: () => number; healthy: Healthy },
): Pick<Engine, 'follow' | 'standings' | 'identityMark'> {
  return {
    follow: (scope, request) => healthy(follow(store, scope, request)),
    standings: (callers) => healthy(readStandings(store, callers, nowMs())),
    identityMark: () => healthy(store.read(readIdentityMark)),
  };
}

function contextOf({ schema, limits, sha256 }: EngineDeps): CommitDeps['context'] {
  return (nowMs) => ({ schema, limits, sha256, nowMs });
}

/** Throws RequestError when nothing of the push was taken. */
function pushed(outcome: PushOutcome): Extract<PushOutcome, { type: 'pushed' }> {
  if (outcome.type === 'pushed') return outcome;
  throw new RequestError(outcome.code, { field: outcome.field, message: outcome.message });
}

function expireJob(scope: string, mutations: readonly string[]): Omit<CommitJob, 'resolve' | 'reject'> {
  const item = (): PlanItem => ({ type: 'expire', mutations });
  return { scope, caller: operator, changes: mutations.length, mutations: 0, item };
}

function resolveJob(
  caller: Caller,
  scope: string,
  asked: Omit<Resolution, 'type' | 'actor'>,
): Omit<CommitJob, 'resolve' | 'reject'> {
  const resolution: Resolution = { type: 'resolve', ...asked, actor: caller.actor };
  // A conflict of a scope that the caller may not write is as unknown as one that never was.
  const item = ({ right }: Admitted): Resolution =>
    right === 'write' ? resolution : { ...resolution, conflict: 0 };
  return { scope, caller, changes: 1, mutations: 0, item };
}

function pushJob(caller: Caller, scope: string, request: PushRequest): Omit<CommitJob, 'resolve' | 'reject'> {
  const { replica, former, n, verdictsSeen, seqSeen, mutations } = request;
  // The server's own replicas, and who writes by another protocol, count as another device's: the sender takes a new id.
  if (caller.device !== '' && (replica.startsWith(ownReplicas) || declaredWriter.test(replica)))
    throw new RequestError('forbidden', { field: 'replica' });
  return {
    scope,
    caller,
    changes: mutations.reduce((sum, { mutation }) => sum + mutation.changes.length, 0),
    mutations: mutations.length,
    ...(request.pull ? { pull: request.pull } : {}),
    ...(request.settles ? { besides: settling(request.settles) } : {}),
    item: ({ right, room }) => ({
      type: 'push',
      device: caller.device,
      replica,
      former,
      right,
      room,
      verdictsSeen,
      mutations,
      ...(n === undefined ? {} : { n }),
      ...(seqSeen === undefined ? {} : { seqSeen }),
    }),
  };
}

/** Throws RequestError when nothing of it was taken. */
function declared(outcome: DeclaredOutcome): readonly Declared[] {
  if (outcome.type === 'declared') return outcome.answers;
  throw new RequestError(outcome.code, { field: outcome.field, message: outcome.message });
}

function declaredJob(
  { schema, limits, sha256, clock, random }: EngineDeps,
  { caller, scope }: { caller: Caller; scope: string },
  { writer, judge, writes }: DeclaredRequest,
): Omit<CommitJob, 'resolve' | 'reject'> {
  const mutations = declaredMutations(writes, {
    writer,
    actor: caller.actor,
    judge,
    schema,
    limits,
    sha256,
    atMs: clock.wallMs(),
    newId: () => newMutationId(random),
  });
  return {
    scope,
    caller,
    changes: writes.length,
    // Nothing is remembered of a caller without the right to write.
    mutations: 0,
    item: ({ right }) => ({ type: 'declared', device: caller.device, writer, right, judge, mutations }),
  };
}

function settling({ place, audit }: NonNullable<PushRequest['settles']>): NonNullable<CommitJob['besides']> {
  return async (transaction, outcome) => {
    const rejected =
      outcome.type !== 'pushed' || outcome.verdicts.some(({ verdict }) => verdict === 'rejected');
    if (rejected || (await transaction.settleQuarantined(place, audit))) return;
    throw new RequestError('not_found', { message: `Nothing lies at ${place} in the quarantine any more.` });
  };
}

/** A batch that was made on a state which the database no longer has is not taken. */
async function checkBatch(
  { store, nowMs, heads }: { store: Store; nowMs: () => number; heads: Heads },
  { caller, scope }: { caller: Caller; scope: string },
  request: PushRequest,
): Promise<void> {
  if (request.checkpoint === null) return;
  const position = readCheckpoint(request.checkpoint);
  if (heads.isAt(scope, position)) return;
  await store.read(async (snapshot) => {
    try {
      await checkPosition(snapshot, scope, position);
    } catch (error) {
      // Who may not even read would learn whether the scope is there, and how far it has come; the commit refuses the batch.
      const right = rightIn(await readGrants(snapshot, caller, nowMs()), scope);
      if (!(error instanceof RequestError) || right !== 'none') throw error;
    }
  });
}
