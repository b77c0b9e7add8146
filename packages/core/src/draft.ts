// The state of one scope while a plan folds over it: what was loaded, with what was decided so far on top.
// A read of something that was not loaded notes it in `needs` and answers undefined; the plan is then run again with it.

import { canonicalJson } from './canonical.ts';
import { ConflictBook } from './conflict-book.ts';
import { CopyBook } from './copy-book.ts';
import { HeldBook } from './held-book.ts';
import type { JsonObject } from './json.ts';
import type { Limits } from './limits.ts';
import type { Sha256 } from './ports.ts';
import { QuarantineBook } from './quarantine-book.ts';
import { type Live, RecordBook } from './record-book.ts';
import type { Schema } from './schema.ts';
import {
  type Commit,
  commitHash,
  type HeldMutation,
  type Quarantined,
  type ReplicaState,
  type ScopeState,
  type StoredConflict,
  type StoredMutation,
  type UniqueHolder,
} from './stored.ts';
import type { UniqueEntry } from './unique.ts';
import { UniqueBook } from './unique-book.ts';
import type { Verdict } from './verdict.ts';
import { type Needs, noNeeds, type WorkingSet, type Writes } from './working-set.ts';

/** What a plan is told besides the working set. Nothing else decides. */
export interface PlanContext {
  schema: Schema;
  limits: Limits;
  sha256: Sha256;
  /** Server time of the commit, milliseconds since 1970. */
  nowMs: number;
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
  readonly copies: CopyBook;
  readonly #records: RecordBook;
  readonly #replicas = new Map<string, ReplicaState>();
  readonly #mutations = new Map<string, StoredMutation>();
  readonly #unique: UniqueBook;
  readonly #verdicts: Writes['verdicts'] = [];
  readonly #commits: Commit[] = [];
  readonly #quarantine: QuarantineBook;

  constructor(set: WorkingSet, context: PlanContext) {
    this.#set = set;
    this.context = context;
    this.scope = { ...set.scope };
    this.copies = new CopyBook(set, this.needs);
    this.#records = new RecordBook(set, this.needs);
    this.#held = new HeldBook(set, this.needs);
    this.#conflicts = new ConflictBook(set, this.needs);
    this.#unique = new UniqueBook(set, this.needs);
    this.#quarantine = new QuarantineBook(set, this.needs);
  }

  record(collection: string, id: string): Live | null | undefined {
    return this.#records.get(collection, id);
  }

  /** The record as it was at `base`; null when history has lost it or it did not exist. */
  atBase(live: Live | null, collection: string, id: string, base: number): JsonObject | null | undefined {
    return this.#records.atBase(live, collection, id, base);
  }

  /** The seq of the version that the record had after so many changes, as far as there were that many; null when history has lost it. */
  seqAtEdits(live: Live, edits: number): number | null | undefined {
    return this.#records.seqAtEdits(live, edits);
  }

  /** Names of the collections of the scope. */
  collections(): ReadonlySet<string> | undefined {
    return this.#records.collections();
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
    for (const live of written) this.#records.supersede(live, at);
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
      ...this.#records.writes(),
      commits: this.#commits,
      verdicts: this.#verdicts,
      unique: this.#unique.writes(),
      held: this.#held.writes(),
      conflicts: this.#conflicts.writes(),
      copies: this.copies.writes(),
      ...this.#quarantine.writes(),
    };
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
