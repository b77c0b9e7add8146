// The logged conflicts, as a plan sees them: those that were loaded, with what was decided so far on top.
// A read of something that was not loaded notes it in `needs` and answers undefined.

import { recordKey } from './change.ts';
import type { StoredConflict } from './stored.ts';
import type { Needs, WorkingSet } from './working-set.ts';

export class ConflictBook {
  readonly #set: WorkingSet;
  readonly #needs: Needs;
  readonly #decided = new Map<number, StoredConflict>();
  /** Stored ones that were read by their record. */
  readonly #read = new Map<number, StoredConflict>();
  /** recordKey → ids of the decided ones about it that are open. */
  readonly #open = new Map<string, Set<number>>();

  constructor(set: WorkingSet, needs: Needs) {
    this.#set = set;
    this.#needs = needs;
  }

  get(id: number): StoredConflict | null | undefined {
    const known = this.#known(id);
    if (known === undefined) this.#needs.conflicts.add(id);
    return known;
  }

  openOf(collection: string, id: string): readonly StoredConflict[] | undefined {
    const none = this.#set.scope.conflictsOpen === 0;
    if (none && this.#open.size === 0) return [];
    const key = recordKey(collection, id);
    const stored = none ? [] : this.#set.conflictsOpen.get(key);
    if (stored === undefined) {
      this.#needs.conflictsOpen.set(key, { collection, id });
      return undefined;
    }
    for (const conflict of stored) this.#read.set(conflict.id, conflict);
    const ids = new Set([...stored.map((conflict) => conflict.id), ...(this.#open.get(key) ?? [])]);
    return [...ids].flatMap((known) => this.#known(known) ?? []).filter(({ state }) => state === 'open');
  }

  /** Answers by how many the open ones become more. */
  put(conflict: StoredConflict): number {
    const wasOpen = this.#known(conflict.id)?.state === 'open';
    const isOpen = conflict.state === 'open';
    this.#decided.set(conflict.id, conflict);
    const key = recordKey(conflict.collection, conflict.record);
    const open = this.#open.get(key) ?? new Set();
    this.#open.set(key, open);
    if (isOpen) open.add(conflict.id);
    else open.delete(conflict.id);
    return Number(isOpen) - Number(wasOpen);
  }

  writes(): StoredConflict[] {
    return [...this.#decided.values()];
  }

  #known(id: number): StoredConflict | null | undefined {
    return this.#decided.get(id) ?? this.#read.get(id) ?? this.#set.conflicts.get(id);
  }
}
