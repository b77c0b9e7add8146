// The state of one scope while a plan folds over it: what was loaded, with what was decided so far on top.
// A read of something that was not loaded notes it in `needs` and answers undefined; the plan is then run again with it.

import { canonicalJson } from './canonical.ts';
import { recordKey } from './change.ts';
import { ConflictBook } from './conflict-book.ts';
import { HeldBook } from './held-book.ts';
import type { JsonObject } from './json.ts';
import type { Limits } from './limits.ts';
import type { Sha256 } from './ports.ts';
import { QuarantineBook } from './quarantine-book.ts';
import type { Schema } from './schema.ts';
import {
  bodyOf,
  type Commit,
  commitHash,
  type HeldMutation,
  type Quarantined,
  type ReplicaState,
  type ScopeState,
  type StoredConflict,
  type StoredMutation,
  type StoredRecord,
  type UniqueHolder,
} from './stored.ts';
import type { UniqueEntry } from './unique.ts';
import { UniqueBook } from './unique-book.ts';
import type { Verdict } from './verdict.ts';
import {
  allCollections,
  type Needs,
  noNeeds,
  versionKey,
  type WorkingSet,
  type Writes,
} from './working-set.ts';

/** What a plan is told besides the working set. Nothing else decides. */
export interface PlanContext {
  schema: Schema;
  limits: Limits;
  sha256: Sha256;
  /** Server time of the commit, milliseconds since 1970. */
  nowMs: number;
}

/** A record with its body read once. */
export interface Live {
  record: StoredRecord;
  body: JsonObject | null;
}

export class Draft {
  readonly context: PlanContext;
  readonly needs: Needs = noNeeds();
  scope: ScopeState;
  /** Keys on which held mutations may wait and that have come about; settleWoken takes them. */
  readonly woken: string[] = [];
  /** Seqs under which the answer that is folded has let held mutations go. */
  readonly letGo = new Set<number>();
  /** Replicas whose waiting mutations were foreseen; see foreseeChain. */
  readonly foreseen = new Set<string>();
  readonly #set: WorkingSet;
  readonly #held: HeldBook;
  readonly #conflicts: ConflictBook;
  readonly #records = new Map<string, Live | null>();
  readonly #changedRecords = new Set<string>();
  /** Collections of those. */
  readonly #written = new Set<string>();
  /** recordKey → versions superseded in this plan, oldest first. */
  readonly #superseded = new Map<string, StoredRecord[]>();
  readonly #replicas = new Map<string, ReplicaState>();
  readonly #mutations = new Map<string, StoredMutation>();
  readonly #unique: UniqueBook;
  readonly #verdicts: Writes['verdicts'] = [];
  readonly #history: Writes['history'] = [];
  readonly #commits: Commit[] = [];
  readonly #quarantine: QuarantineBook;

  constructor(set: WorkingSet, context: PlanContext) {
    this.#set = set;
    this.context = context;
    this.scope = { ...set.scope };
    this.#held = new HeldBook(set, this.needs);
    this.#conflicts = new ConflictBook(set, this.needs);
    this.#unique = new UniqueBook(set, this.needs);
    this.#quarantine = new QuarantineBook(set, this.needs);
  }

  record(collection: string, id: string): Live | null | undefined {
    const key = recordKey(collection, id);
    const known = this.#records.get(key);
    if (known !== undefined) return known;
    const stored = this.#set.records.get(key);
    if (stored === undefined) this.needs.records.set(key, { collection, id });
    const live = stored && { record: stored, body: bodyOf(stored) };
    if (live !== undefined) this.#records.set(key, live);
    return live;
  }

  /** The record as it was at `base`; null when history has lost it or it did not exist. */
  atBase(live: Live | null, collection: string, id: string, base: number): JsonObject | null | undefined {
    if (live && live.record.seq <= base) return live.body;
    const key = recordKey(collection, id);
    const current = this.#records.get(key);
    if (current && current.record.seq <= base) return current.body;
    const drafted = this.#superseded.get(key)?.findLast(({ seq }) => seq <= base);
    if (drafted) return bodyOf(drafted);
    const version = versionKey(collection, id, base);
    const known = this.#set.versions.get(version);
    if (known === undefined) this.needs.versions.set(version, { collection, id, base });
    return known;
  }

  /** Names of the collections of the scope. */
  collections(): ReadonlySet<string> | undefined {
    const stored = this.#set.collections.get(allCollections);
    if (!stored) this.needs.collections.add(allCollections);
    return stored && new Set([...stored, ...this.#written]);
  }

  replica(replica: string): ReplicaState | null | undefined {
    const known = this.#replicas.get(replica) ?? this.#set.replicas.get(replica);
    if (known === undefined) this.needs.replicas.add(replica);
    return known;
  }

  setReplica(state: ReplicaState): void {
    this.#replicas.set(state.replica, state);
  }

  mutation(id: string): StoredMutation | null | undefined {
    const known = this.#mutations.get(id) ?? this.#set.mutations.get(id);
    if (known === undefined) this.needs.mutations.add(id);
    return known;
  }

  holders(collection: string, group: string, value: string): readonly UniqueHolder[] | undefined {
    return this.#unique.holders(collection, group, value);
  }

  setHolders(entry: UniqueEntry): void {
    this.#unique.put(entry);
  }

  held(id: string): HeldMutation | null | undefined {
    return this.#held.get(id);
  }

  /** Ids of held mutations that wait on `key`. */
  waitingOn(key: string): readonly string[] | undefined {
    return this.scope.held === 0 ? [] : this.#held.waitingOn(key);
  }

  /** Whether mutations of the replica wait. */
  hasWaiting(replica: string): boolean | undefined {
    const state = this.replica(replica);
    return state === undefined ? undefined : (state?.waiting ?? 0) > 0;
  }

  /** Ids of the replica's mutations that wait. */
  waitingOf(replica: string): readonly string[] | undefined {
    return this.replica(replica) === undefined ? undefined : this.#held.waitingOf(replica);
  }

  /** Of those of a replica that has some, which touch a record, the last ones: who comes now stands behind them. */
  lastWaiting(replica: string, key: string): readonly string[] | undefined {
    return this.#held.lastWaiting(replica, key);
  }

  hold(held: HeldMutation): void {
    const before = this.#held.get(held.mutation.id) ?? null;
    if (!before) this.scope = { ...this.scope, held: this.scope.held + 1 };
    this.#countWaiting(before, held);
    this.#held.put(held);
  }

  release(held: HeldMutation): void {
    this.scope = { ...this.scope, held: this.scope.held - 1 };
    this.#countWaiting(held, null);
    this.#held.remove(held.mutation.id);
  }

  openConflicts(collection: string, id: string): readonly StoredConflict[] | undefined {
    return this.#conflicts.openOf(collection, id);
  }

  conflict(id: number): StoredConflict | null | undefined {
    return this.#conflicts.get(id);
  }

  /** Logs a conflict under the next number, or writes a known one again. */
  setConflict(conflict: StoredConflict): void {
    const conflictsOpen = this.scope.conflictsOpen + this.#conflicts.put(conflict);
    this.scope = { ...this.scope, conflictsOpen };
  }

  nextConflict(): number {
    const conflictNumber = this.scope.conflictNumber + 1;
    this.scope = { ...this.scope, conflictNumber };
    return conflictNumber;
  }

  /** Writes a verdict to the log of each replica that sent the mutation, and as the mutation's latest. */
  answer(
    mutation: Omit<StoredMutation, 'logged' | 'verdict'>,
    verdict: Verdict,
    replicas: readonly string[],
  ): void {
    const logged = new Map(Object.entries(this.mutation(mutation.id)?.logged ?? {}));
    for (const replica of replicas) {
      const state = this.replica(replica);
      if (!state) continue;
      const next = { ...state, verdicts: state.verdicts + 1 };
      this.setReplica(next);
      logged.set(replica, next.verdicts);
      this.#verdicts.push({ replica, n: next.verdicts, verdict });
    }
    this.#mutations.set(mutation.id, { ...mutation, verdict, logged: Object.fromEntries(logged) });
  }

  /** Keeps the payload of a mutation that will not be applied, within the device's bounds. */
  quarantine(entry: Quarantined): void {
    this.#quarantine.put(entry, this.context.limits);
  }

  unquarantine(device: string, mutation: string): void {
    this.#quarantine.remove({ device, mutation, at: this.context.nowMs });
  }

  /** Makes the records of one mutation the scope's next commit. Their seq is `head + 1`; the rest is given here. */
  commit(
    records: readonly Live[],
    by: Omit<Commit, 'seq' | 'at' | 'stamp' | 'previous'>,
  ): { seq: number; records: readonly Live[] } {
    const { sha256, nowMs: at } = this.context;
    const seq = this.scope.head + 1;
    const first = Math.max(at, this.scope.stamp + 1);
    let { recordNumber } = this.scope;
    const written = records.map(({ record, body }, ordinal): Live => {
      const number = record.number > 0 ? record.number : ++recordNumber;
      const bodyHash = body === null ? '' : sha256(canonicalJson(body));
      return { record: { ...record, number, ordinal, stamp: first + ordinal, bodyHash }, body };
    });
    for (const live of written) this.#supersede(live);
    const stamp = first + Math.max(0, records.length - 1);
    const commit = { seq, at, stamp, previous: this.scope.commitHash, ...by };
    this.#commits.push(commit);
    this.scope = { ...this.scope, head: seq, stamp, recordNumber, commitHash: commitHash(commit, sha256) };
    return { seq, records: written };
  }

  writes(): Writes {
    return {
      scope: this.scope,
      replicas: [...this.#replicas.values()],
      mutations: [...this.#mutations.values()],
      records: [...this.#changedRecords].flatMap((key) => this.#records.get(key)?.record ?? []),
      history: this.#history,
      commits: this.#commits,
      verdicts: this.#verdicts,
      unique: this.#unique.writes(),
      held: this.#held.writes(),
      conflicts: this.#conflicts.writes(),
      ...this.#quarantine.writes(),
    };
  }

  #supersede(live: Live): void {
    const key = recordKey(live.record.collection, live.record.id);
    const before = this.#records.get(key)?.record;
    if (before) {
      this.#history.push({ record: before, supersededAt: this.context.nowMs });
      const versions = this.#superseded.get(key) ?? [];
      this.#superseded.set(key, versions);
      versions.push(before);
    }
    this.#records.set(key, live);
    this.#written.add(live.record.collection);
    this.#changedRecords.add(key);
  }

  /** A replica that sent a mutation, first or again, has it waiting. */
  #countWaiting(before: HeldMutation | null, after: HeldMutation | null): void {
    const waits = (held: HeldMutation | null, replica: string): number =>
      Number(held !== null && held.waitsFor.length > 0 && held.replicas.includes(replica));
    for (const replica of new Set([...(before?.replicas ?? []), ...(after?.replicas ?? [])])) {
      const difference = waits(after, replica) - waits(before, replica);
      const state = difference === 0 ? undefined : this.replica(replica);
      if (state) this.setReplica({ ...state, waiting: state.waiting + difference });
    }
  }
}
