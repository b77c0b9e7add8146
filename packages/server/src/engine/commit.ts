// One group commit: load → plan → write, in one database transaction, for all the jobs of a group.

import {
  emptyScope,
  emptyWorkingSet,
  foresee,
  holdersCut,
  holdersMaxOf,
  type ItemOutcome,
  type KeptPayloads,
  type Limits,
  needsAnything,
  type PlanContext,
  type PlanItem,
  plan,
  RequestError,
  type ScopeState,
  type WorkingSet,
  type Writes,
} from '@holdfast/core';
import type { Store, StoreTransaction } from '../store/port.ts';
import { type Admitted, type Applicant, admitAll } from './admission.ts';
import type { FollowOfCommit, PullRequest, PullResult } from './engine.ts';
import { followOfCommit } from './follow-of-commit.ts';
import type { Job } from './lanes.ts';
import { pullOfCommit } from './pull-of-commit.ts';
import type { Reads } from './reads.ts';

/** What a job is answered. */
export interface Committed {
  outcome: ItemOutcome;
  pulled?: PullResult;
}

export interface CommitJob extends Job, Applicant {
  /** Made when the caller's right is known. A caller without one is told what a missing thing is told. */
  item: (admitted: Admitted) => PlanItem;
  /** What is to become durable with it. What it throws refuses all of it. */
  besides?: (transaction: StoreTransaction, outcome: ItemOutcome) => Promise<void>;
  /** What its sender will pull next. */
  pull?: PullRequest;
  resolve: (committed: Committed) => void;
  reject: (error: unknown) => void;
}

export interface CommitDeps {
  store: Store;
  context: (nowMs: number) => PlanContext;
  nowMs: () => number;
  /** Reading positions: those to be written along, and those that come of it. */
  reads: Pick<Reads, 'take' | 'note'>;
  /** Those who are told of commits. */
  followers: {
    has(scope: string): boolean;
    /** A scope has moved, by a commit that is durable. */
    tell(scope: string, state: ScopeState, known: FollowOfCommit): void;
  };
}

// Each round loads everything that the last one missed; chains of waiting mutations need a few more.
const roundsMax = 200;

/** Answers each job, or gives the error that refused it alone. Throws when the whole group failed. */
export async function commitGroup(
  deps: CommitDeps,
  group: readonly CommitJob[],
): Promise<readonly (Committed | RequestError)[]> {
  const nowMs = deps.nowMs();
  const context = deps.context(nowMs);
  const reads = deps.reads.take();
  const { admissions, sets, plans, outcomes, mark } = await deps.store.commit(async (transaction) => {
    const scopes = [...new Set(group.map((job) => job.scope))];
    const states = await transaction.scopes(scopes);
    const mark = scopes.some(deps.followers.has) ? await transaction.auditPlace() : undefined;
    const admissions = await admitAll(transaction, group, { nowMs, limits: context.limits });
    const taken = new Map<string, { job: CommitJob; item: PlanItem }[]>();
    for (const [place, job] of group.entries()) {
      const admitted = admissions[place];
      if (!admitted || admitted instanceof RequestError) continue;
      const list = taken.get(job.scope) ?? [];
      taken.set(job.scope, list);
      list.push({ job, item: job.item(admitted) });
    }
    const sets = new Map(
      [...taken.keys()].map((scope) => [scope, emptyWorkingSet({ ...(states.get(scope) ?? emptyScope) })]),
    );
    const plans = await planAll(transaction, taken, sets, context);
    const writes = new Map([...plans].map(([scope, { writes }]) => [scope, writes]));
    await transaction.write(writes, deps.store.life);
    if (reads.length > 0) await transaction.putReads(reads);
    const outcomes = outcomesOf(taken, plans);
    for (const [job, outcome] of outcomes) await job.besides?.(transaction, outcome);
    return { admissions, sets, plans, outcomes, mark };
  });
  tellFollowers(deps, { sets, plans, mark });
  const pullIn = pullsOf(deps, { sets, plans, limits: context.limits });
  return group.map((job, place) => {
    const admitted = admissions[place];
    if (admitted instanceof RequestError) return admitted;
    const outcome = outcomes.get(job);
    if (!admitted || !outcome) throw new Error('A plan left a job without an outcome.');
    const pulled = outcome.type === 'pushed' ? pullIn(job, admitted) : undefined;
    return { outcome, ...(pulled ? { pulled } : {}) };
  });
}

/** Before those are answered who wrote: they see already what they wrote. */
function tellFollowers(
  { followers, store }: CommitDeps,
  done: {
    sets: ReadonlyMap<string, WorkingSet>;
    plans: ReadonlyMap<string, ScopePlan>;
    mark: number | undefined;
  },
): void {
  for (const [scope, { writes }] of done.plans) {
    const before = done.sets.get(scope);
    if (!before || before.scope.head === writes.scope.head) continue;
    const known = followOfCommit({ before, writes, life: store.life.id, mark: done.mark });
    followers.tell(scope, writes.scope, known);
  }
}

function outcomesOf(
  taken: ReadonlyMap<string, readonly { job: CommitJob }[]>,
  plans: ReadonlyMap<string, ScopePlan>,
): ReadonlyMap<CommitJob, ItemOutcome> {
  const outcomes = new Map<CommitJob, ItemOutcome>();
  for (const [scope, jobs] of taken)
    for (const [place, outcome] of (plans.get(scope)?.outcomes ?? []).entries()) {
      const job = jobs[place]?.job;
      if (job) outcomes.set(job, outcome);
    }
  return outcomes;
}

/** Answers what a job's sender pulls next, where the commit, which is durable now, knows it. */
function pullsOf(
  deps: CommitDeps,
  done: {
    sets: ReadonlyMap<string, WorkingSet>;
    plans: ReadonlyMap<string, ScopePlan>;
    limits: Limits;
  },
): (job: CommitJob, admitted: Admitted) => PullResult | undefined {
  const byScope = new Map(
    [...done.plans].map(([scope, { writes }]) => {
      const before = done.sets.get(scope) ?? emptyWorkingSet(emptyScope);
      return [scope, pullOfCommit({ before, writes, life: deps.store.life.id, limits: done.limits })];
    }),
  );
  return ({ scope, caller: { device }, pull }, { right, grants }) => {
    const known = pull && byScope.get(scope)?.({ device, right, grants }, pull);
    if (known) deps.reads.note(scope, device, known.read);
    return known?.pulled;
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
  const kept = new Kept(sets);
  let needs = new Map(
    [...items].map(([scope, list]) => [scope, foresee(list, stateOf(sets, scope), context)]),
  );
  const all = [...items.values()].flat();
  let holdersMax = holdersMaxOf(all, sets.values());
  for (let round = 0; round < roundsMax; round++) {
    const wanted = new Map([...needs].filter(([, need]) => needsAnything(need)));
    if (wanted.size > 0) await transaction.load(wanted, sets, holdersMax);
    kept.addTo(wanted);
    holdersMax = await loadCut(transaction, sets, { holdersMax, grown: holdersMaxOf(all, sets.values()) });
    const next = new Map<string, ReturnType<typeof foresee>>();
    for (const scope of needs.keys()) {
      const planned = plan(items.get(scope) ?? [], sets.get(scope) ?? emptyWorkingSet(emptyScope), context);
      if (planned.type === 'needs') next.set(scope, planned.needs);
      else {
        done.set(scope, planned);
        kept.note(scope, planned.writes);
      }
    }
    if (next.size === 0) return done;
    needs = next;
  }
  throw new Error(`A plan still needed more after ${roundsMax} rounds.`);
}

/** Held mutations that were loaded just now may take more holders of a unique value away than were loaded before them. */
async function loadCut(
  transaction: StoreTransaction,
  sets: ReadonlyMap<string, WorkingSet>,
  { holdersMax, grown }: { holdersMax: number; grown: number },
): Promise<number> {
  if (grown === holdersMax) return holdersMax;
  const cut = new Map([...sets].map(([scope, set]) => [scope, holdersCut(set, holdersMax)]));
  if ([...cut.values()].some(needsAnything)) await transaction.load(cut, sets, grown);
  return grown;
}

/** A device's quarantine is one for all scopes: what the plan of one scope keeps, the others of the group must count. */
class Kept {
  readonly #sets: ReadonlyMap<string, WorkingSet>;
  readonly #byDevice = new Map<string, KeptPayloads>();

  constructor(sets: ReadonlyMap<string, WorkingSet>) {
    this.#sets = sets;
  }

  /** Counts that were loaded just now know nothing of this group. */
  addTo(loaded: ReadonlyMap<string, { quarantine: ReadonlySet<string> }>): void {
    for (const [scope, { quarantine }] of loaded)
      for (const device of quarantine) this.#add(scope, device, this.#byDevice.get(device) ?? none);
  }

  note(planned: string, { quarantine }: Writes): void {
    for (const { device, payload, chars } of quarantine) {
      if (payload === null) continue;
      const one = { payloads: 1, chars };
      this.#byDevice.set(device, sumOf(this.#byDevice.get(device) ?? none, one));
      for (const scope of this.#sets.keys()) if (scope !== planned) this.#add(scope, device, one);
    }
  }

  #add(scope: string, device: string, more: KeptPayloads): void {
    const kept = this.#sets.get(scope)?.quarantine;
    const before = kept?.get(device);
    if (before !== undefined) kept?.set(device, sumOf(before, more));
  }
}

const none: KeptPayloads = { payloads: 0, chars: 0 };

function sumOf(a: KeptPayloads, b: KeptPayloads): KeptPayloads {
  return { payloads: a.payloads + b.payloads, chars: a.chars + b.chars };
}

function stateOf(sets: ReadonlyMap<string, WorkingSet>, scope: string): ScopeState {
  return sets.get(scope)?.scope ?? emptyScope;
}
