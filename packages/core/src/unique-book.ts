// Who holds which unique value while a plan folds: what was loaded, with what was decided so far on top.

import type { UniqueHolder } from './stored.ts';
import type { UniqueEntry } from './unique.ts';
import { type Needs, uniqueKey, type WorkingSet, type Writes } from './working-set.ts';

export class UniqueBook {
  readonly #set: WorkingSet;
  readonly #needs: Needs;
  readonly #holders = new Map<string, readonly UniqueHolder[]>();
  readonly #freed = new Map<string, UniqueHolder>();

  constructor(set: WorkingSet, needs: Needs) {
    this.#set = set;
    this.#needs = needs;
  }

  holders(collection: string, group: string, value: string): readonly UniqueHolder[] | undefined {
    const key = uniqueKey(collection, group, value);
    const known = this.#holders.get(key) ?? this.#set.unique.get(key);
    if (known === undefined) this.#needs.unique.set(key, { collection, group, value });
    return known;
  }

  put({ collection, group, value, holders, freed }: UniqueEntry): void {
    this.#holders.set(uniqueKey(collection, group, value), holders);
    // Noted one by one: who is far behind the owner is not among the holders that were loaded.
    for (const id of freed) {
      const holder = { collection, group, value, id, claimed: false, since: 0 };
      this.#freed.set(`${uniqueKey(collection, group, value)}/${id}`, holder);
    }
  }

  writes(): Writes['unique'] {
    const put: UniqueHolder[] = [];
    const kept = new Set<string>();
    for (const [key, holders] of this.#holders) {
      const before = new Map((this.#set.unique.get(key) ?? []).map((holder) => [holder.id, holder]));
      for (const holder of holders) {
        kept.add(`${key}/${holder.id}`);
        const old = before.get(holder.id);
        if (old?.claimed !== holder.claimed || old.since !== holder.since) put.push(holder);
      }
    }
    return { put, remove: [...this.#freed].flatMap(([key, holder]) => (kept.has(key) ? [] : [holder])) };
  }
}
