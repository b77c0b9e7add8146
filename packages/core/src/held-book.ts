// The mutations that the server holds, as a plan sees them: those that were loaded, with what was decided so far on top, found
// by id, by what they wait on, by the replica that sent them, and by the records that they touch.
// A read of something that was not loaded notes it in `needs` and answers undefined.

import { mutationKey, recordKey } from './change.ts';
import type { HeldMutation } from './stored.ts';
import type { Needs, WorkingSet } from './working-set.ts';

export class HeldBook {
  readonly #set: WorkingSet;
  readonly #needs: Needs;
  /** What this plan decided; null: held no more. */
  readonly #decided = new Map<string, HeldMutation | null>();
  /** Ids of decided ones, by what they waited on and by who sent them, at some point of this plan. */
  readonly #byKey = new Map<string, Set<string>>();
  readonly #byReplica = new Map<string, Set<string>>();
  /** Replica → recordKey → ids of its mutations that waited and touch the record. */
  readonly #touching = new Map<string, Map<string, Set<string>>>();

  constructor(set: WorkingSet, needs: Needs) {
    this.#set = set;
    this.#needs = needs;
  }

  get(id: string): HeldMutation | null | undefined {
    const known = this.#decided.get(id);
    if (known !== undefined) return known;
    const stored = this.#set.held.get(id);
    if (stored === undefined) this.#needs.held.add(id);
    return stored;
  }

  put(held: HeldMutation): void {
    const { id } = held.mutation;
    this.#decided.set(id, held);
    for (const key of held.waitsFor) listIn(this.#byKey, key).add(id);
    for (const replica of held.replicas) {
      listIn(this.#byReplica, replica).add(id);
      const touching = this.#touching.get(replica);
      if (touching) noteTouches(touching, held);
    }
  }

  remove(id: string): void {
    this.#decided.set(id, null);
  }

  /** Ids of those that wait on `key`. */
  waitingOn(key: string): readonly string[] | undefined {
    const stored = this.#set.scope.held === 0 ? [] : this.#set.waits.get(key);
    if (stored === undefined) this.#needs.waits.add(key);
    const ids = stored && [...new Set([...stored, ...(this.#byKey.get(key) ?? [])])];
    return ids?.filter((id) => this.#decided.get(id)?.waitsFor.includes(key) ?? !this.#decided.has(id));
  }

  /** Ids of those of a replica that wait. */
  waitingOf(replica: string): readonly string[] | undefined {
    const none = (this.#set.replicas.get(replica)?.waiting ?? 0) === 0;
    const stored = none ? [] : this.#set.waiting.get(replica);
    if (stored === undefined) this.#needs.waiting.add(replica);
    const ids = stored && [...new Set([...stored, ...(this.#byReplica.get(replica) ?? [])])];
    return ids?.filter((id) => waits(this.#decided.get(id)) ?? true);
  }

  /** Of a replica's waiting mutations that touch the record the last ones: behind which none of the others stands. */
  lastWaiting(replica: string, key: string): readonly string[] | undefined {
    const touching = this.#touching.get(replica) ?? this.#readTouching(replica);
    if (!touching) return undefined;
    const waiting = [...(touching.get(key) ?? [])].filter((id) => waits(this.#decided.get(id)) ?? true);
    if (waiting.length < 2) return waiting;
    const followed = new Set(waiting.flatMap((id) => this.get(id)?.waitsFor ?? []));
    return waiting.filter((id) => !followed.has(mutationKey(id)));
  }

  writes(): { put: HeldMutation[]; remove: string[] } {
    return {
      put: [...this.#decided.values()].filter((held) => held !== null),
      remove: [...this.#decided].flatMap(([id, held]) => (held === null ? [id] : [])),
    };
  }

  #readTouching(replica: string): Map<string, Set<string>> | undefined {
    const ids = this.waitingOf(replica);
    const all = ids?.map((id) => this.get(id));
    if (!all || all.includes(undefined)) return undefined;
    const touching = new Map<string, Set<string>>();
    for (const held of all) if (held) noteTouches(touching, held);
    this.#touching.set(replica, touching);
    return touching;
  }
}

/** Undefined for one that this plan has not decided about. */
function waits(held: HeldMutation | null | undefined): boolean | undefined {
  return held === undefined ? undefined : held !== null && held.waitsFor.length > 0;
}

function noteTouches(touching: Map<string, Set<string>>, { mutation }: HeldMutation): void {
  for (const change of mutation.changes)
    listIn(touching, recordKey(change.collection, change.id)).add(mutation.id);
}

function listIn(lists: Map<string, Set<string>>, key: string): Set<string> {
  const list = lists.get(key) ?? new Set<string>();
  lists.set(key, list);
  return list;
}
