// One group commit: load → plan → write, in one database transaction, for all the jobs of a group.

import {
  emptyScope,
  emptyWorkingSet,
  foresee,
  type ItemOutcome,
  needsAnything,
  type PlanContext,
  type PlanItem,
  plan,
  RequestError,
  type WorkingSet,
  type Writes,
} from '@holdfast/core';
import type { Device, ReadPosition, Store, StoreTransaction } from '../store/port.ts';
import { grantsOf, rightIn } from './access.ts';
import type { Caller } from './engine.ts';
import type { Job } from './lanes.ts';

export interface CommitJob extends Job {
  caller: Caller;
  /** Made when the caller's right is known. A caller without one is told what a missing thing is told. */
  item: (right: 'write' | 'read' | 'none') => PlanItem;
  resolve: (outcome: ItemOutcome) => void;
  reject: (error: unknown) => void;
}

export interface CommitDeps {
  store: Store;
  context: (nowMs: number) => PlanContext;
  nowMs: () => number;
  /** Reading positions to be written along. */
  takeReads: () => readonly ReadPosition[];
  /** Told the heads that moved, after the commit. */
  committed: (heads: ReadonlyMap<string, number>) => void;
}

// Each round loads everything that the last one missed; chains of waiting mutations need a few more.
const roundsMax = 200;
const deviceSeenEveryMs = 60_000;

/** Answers each job: its outcome, or the error that refused it alone. Throws when the whole group failed. */
export async function commitGroup(
  deps: CommitDeps,
  group: readonly CommitJob[],
): Promise<readonly (ItemOutcome | RequestError)[]> {
  const nowMs = deps.nowMs();
  const context = deps.context(nowMs);
  const reads = deps.takeReads();
  const heads = new Map<string, number>();
  const outcomes = await deps.store.commit(async (transaction) => {
    const states = await transaction.scopes([...new Set(group.map((job) => job.scope))]);
    const { refused, rights } = await admitGroup(transaction, group, {
      nowMs,
      devicesMax: context.limits.devicesMax,
    });
    const taken = new Map<string, { job: CommitJob; item: PlanItem }[]>();
    for (const job of group) {
      if (refused.has(job)) continue;
      const list = taken.get(job.scope) ?? [];
      list.push({ job, item: job.item(rights.get(job) ?? 'none') });
      taken.set(job.scope, list);
    }
    const sets = new Map(
      [...taken.keys()].map((scope) => [scope, emptyWorkingSet({ ...(states.get(scope) ?? emptyScope) })]),
    );
    const plans = await planAll(transaction, taken, sets, context);
    const writes = new Map([...plans].map(([scope, { writes }]) => [scope, writes]));
    await transaction.write(writes, deps.store.life);
    if (reads.length > 0) await transaction.putReads(reads);
    for (const [scope, { head }] of [...writes].map(([name, write]) => [name, write.scope] as const)) {
      if (head !== (states.get(scope)?.head ?? 0)) heads.set(scope, head);
    }
    return group.map(
      (job) =>
        refused.get(job) ?? outcomeOf(job, taken.get(job.scope) ?? [], plans.get(job.scope)?.outcomes ?? []),
    );
  });
  if (heads.size > 0) deps.committed(heads);
  return outcomes;
}

function outcomeOf(
  job: CommitJob,
  taken: readonly { job: CommitJob }[],
  outcomes: readonly ItemOutcome[],
): ItemOutcome {
  const outcome = outcomes[taken.findIndex((other) => other.job === job)];
  if (!outcome) throw new Error('A plan left a job without an outcome.');
  return outcome;
}

/** Credentials, devices and rights, as they stand in this transaction. */
async function admitGroup(
  transaction: StoreTransaction,
  group: readonly CommitJob[],
  bounds: { nowMs: number; devicesMax: number },
): Promise<{ refused: Map<CommitJob, RequestError>; rights: Map<CommitJob, 'write' | 'read' | 'none'> }> {
  const keys = [...new Set(group.flatMap(({ caller }) => caller.key ?? []))];
  const names = [...new Set(group.flatMap(({ caller }) => (caller.device === '' ? [] : [caller.device])))];
  const credentials = keys.length > 0 ? await transaction.credentials(keys) : new Map();
  const devices = names.length > 0 ? await transaction.devices(names) : new Map<string, Device>();
  const fresh = names.some((name) => !devices.has(name));
  let room = fresh ? bounds.devicesMax - (await transaction.deviceCount()) : 0;
  const refused = new Map<CommitJob, RequestError>();
  const rights = new Map<CommitJob, 'write' | 'read' | 'none'>();
  const put = new Map<string, Device>();
  for (const job of group) {
    const { caller, scope } = job;
    try {
      const device = put.get(caller.device) ?? devices.get(caller.device);
      const grants = grantsOf(caller, {
        credential: credentials.get(caller.key ?? ''),
        device,
        nowMs: bounds.nowMs,
      });
      if (caller.device !== '' && !device && room-- <= 0)
        throw new RequestError('too_many', { field: 'device', message: 'No more devices can register.' });
      rights.set(job, rightIn(grants, scope));
      const next = caller.device === '' ? undefined : seenDevice(caller, device, bounds.nowMs);
      if (next) put.set(caller.device, next);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      refused.set(job, error);
    }
  }
  if (put.size > 0) await transaction.putDevices([...put.values()]);
  return { refused, rights };
}

/** The device's row when it must be written: new, with another key, or not seen for a while. */
function seenDevice(caller: Caller, device: Device | undefined, nowMs: number): Device | undefined {
  if (device && device.key === caller.key && nowMs - device.seenAt < deviceSeenEveryMs) return undefined;
  return {
    device: caller.device,
    name: device?.name ?? '',
    key: caller.key,
    createdAt: device?.createdAt ?? nowMs,
    seenAt: Math.max(nowMs, device?.seenAt ?? 0),
    revokedAt: device?.revokedAt ?? null,
  };
}

interface ScopePlan {
  writes: Writes;
  outcomes: readonly ItemOutcome[];
}

/** Plans every scope, loading for all of them together what any of them still needs. */
async function planAll(
  transaction: StoreTransaction,
  taken: ReadonlyMap<string, readonly { item: PlanItem }[]>,
  sets: ReadonlyMap<string, WorkingSet>,
  context: PlanContext,
): Promise<Map<string, ScopePlan>> {
  const items = new Map([...taken].map(([scope, jobs]) => [scope, jobs.map(({ item }) => item)]));
  const done = new Map<string, ScopePlan>();
  let needs = new Map([...items].map(([scope, list]) => [scope, foresee(list, context)]));
  const holdersMax = [...items.values()]
    .flat()
    .reduce((sum, item) => sum + (item.type === 'push' ? changesOf(item.mutations) : 2), 1);
  for (let round = 0; round < roundsMax; round++) {
    const wanted = new Map([...needs].filter(([, need]) => needsAnything(need)));
    if (wanted.size > 0) await transaction.load(wanted, sets, holdersMax);
    const next = new Map<string, ReturnType<typeof foresee>>();
    for (const scope of needs.keys()) {
      const planned = plan(items.get(scope) ?? [], sets.get(scope) ?? emptyWorkingSet(emptyScope), context);
      if (planned.type === 'needs') next.set(scope, planned.needs);
      else done.set(scope, planned);
    }
    if (next.size === 0) return done;
    needs = next;
  }
  throw new Error(`A plan still needed more after ${roundsMax} rounds.`);
}

function changesOf(mutations: readonly { mutation: { changes: readonly unknown[] } }[]): number {
  return mutations.reduce((sum, { mutation }) => sum + mutation.changes.length, 0);
}
