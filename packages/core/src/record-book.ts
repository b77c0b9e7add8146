// The records of a scope while a plan folds over it: what was loaded, with the versions that were decided so far on top.
// A read of something that was not loaded notes it in `needs` and answers undefined.

import { recordKey } from './change.ts';
import type { JsonObject } from './json.ts';
import { bodyOf, type StoredRecord } from './stored.ts';
import {
  allCollections,
  editionKey,
  type Needs,
  versionKey,
  type WorkingSet,
  type Writes,
} from './working-set.ts';

/** A record with its body read once. */
export interface Live {
  record: StoredRecord;
  body: JsonObject | null;
}

export class RecordBook {
  readonly #set: WorkingSet;
  readonly #needs: Needs;
  readonly #records = new Map<string, Live | null>();
  readonly #changed = new Set<string>();
  /** Collections of those. */
  readonly #written = new Set<string>();
  /** recordKey → versions superseded in this plan, oldest first. */
  readonly #superseded = new Map<string, StoredRecord[]>();
  readonly #history: Writes['history'] = [];

  constructor(set: WorkingSet, needs: Needs) {
    this.#set = set;
    this.#needs = needs;
  }

  get(collection: string, id: string): Live | null | undefined {
    const key = recordKey(collection, id);
    const known = this.#records.get(key);
    if (known !== undefined) return known;
    const stored = this.#set.records.get(key);
    if (stored === undefined) this.#needs.records.set(key, { collection, id });
    const live = stored && { record: stored, body: bodyOf(stored) };
    if (live !== undefined) this.#records.set(key, live);
    return live;
  }

  atBase(live: Live | null, collection: string, id: string, base: number): JsonObject | null | undefined {
    if (live && live.record.seq <= base) return live.body;
    const key = recordKey(collection, id);
    const current = this.#records.get(key);
    if (current && current.record.seq <= base) return current.body;
    const drafted = this.#superseded.get(key)?.findLast(({ seq }) => seq <= base);
    if (drafted) return bodyOf(drafted);
    const version = versionKey(collection, id, base);
    const known = this.#set.versions.get(version);
    if (known === undefined) this.#needs.versions.set(version, { collection, id, base });
    return known;
  }

  seqAtEdits({ record }: Live, edits: number): number | null | undefined {
    if (edits >= record.edits) return record.seq;
    const { collection, id } = record;
    const drafted = this.#superseded.get(recordKey(collection, id))?.find((one) => one.edits === edits);
    if (drafted) return drafted.seq;
    const key = editionKey(collection, id, edits);
    const known = this.#set.editions.get(key);
    if (known === undefined) this.#needs.editions.set(key, { collection, id, edits });
    return known;
  }

  collections(): ReadonlySet<string> | undefined {
    const stored = this.#set.collections.get(allCollections);
    if (!stored) this.#needs.collections.add(allCollections);
    return stored && new Set([...stored, ...this.#written]);
  }

  supersede(live: Live, atMs: number): void {
    const key = recordKey(live.record.collection, live.record.id);
    const before = this.#records.get(key)?.record;
    if (before) {
      this.#history.push({ record: before, supersededAt: atMs });
      const versions = this.#superseded.get(key) ?? [];
      this.#superseded.set(key, versions);
      versions.push(before);
    }
    this.#records.set(key, live);
    this.#written.add(live.record.collection);
    this.#changed.add(key);
  }

  writes(): Pick<Writes, 'records' | 'history'> {
    const records = [...this.#changed].flatMap((key) => this.#records.get(key)?.record ?? []);
    return { records, history: this.#history };
  }
}
