// What a device holds of each collection: how much the server has, how much it is to be told, and what it did not take.

import type { CollectionName, Schema } from '@holdfast/core';
import { isSettled, readEntries, recordOfKey } from './outbox.ts';
import { listQuarantine } from './quarantine.ts';
import type { StorageKey, StorageTransaction } from './storage/port.ts';
import { listSyncs, syncsMax } from './sync-log.ts';

export interface CollectionStatistics {
  /** Records with writes that the server has not settled, deleted ones included. */
  pending: number;
  /** Records that are visible here and with which nothing is pending. */
  synced: number;
  /** Mutations in the quarantine that touch this collection. */
  failed: number;
}

export interface ScopeStatistics<S extends Schema = Schema> {
  collections: { readonly [Name in CollectionName<S>]: Readonly<CollectionStatistics> };
  /** When the last sync that went well ended, by the wall clock, in milliseconds since 1970. Absent: none of the last two hundred did. */
  lastSyncAt?: number;
}

/** Memory stays bounded: what is counted is read in parts. */
export async function readStatistics<S extends Schema>(
  tx: StorageTransaction,
  schema: Schema,
  scope: string,
): Promise<ScopeStatistics<S>> {
  const names = [...schema.collections.keys()];
  const counts = new Map(names.map((name) => [name, { pending: 0, synced: 0, failed: 0 }]));
  for (const [name, count] of counts)
    count.synced = await tx.count('records', { prefix: [scope, name], limit: Number.MAX_SAFE_INTEGER });
  await countPending(tx, scope, counts);
  await countFailed(tx, scope, counts);
  const last = (await listSyncs(tx, scope, { limit: syncsMax })).find(({ ok }) => ok);
  return {
    collections: Object.fromEntries(counts) as ScopeStatistics<S>['collections'],
    ...(last ? { lastSyncAt: last.endedAt } : {}),
  };
}

type Counts = ReadonlyMap<string, CollectionStatistics>;
const chunk = 500;

/** Touches come by record, so those of one record lie side by side. */
async function countPending(tx: StorageTransaction, scope: string, counts: Counts): Promise<void> {
  let after: StorageKey | undefined;
  let counted: string | undefined;
  for (;;) {
    const found = await tx.scan('touches', { prefix: [scope], limit: chunk, ...(after ? { after } : {}) });
    const touches = found.map(({ key: [, record = '', place = ''] }) => ({ record, place: Number(place) }));
    const entries = await readEntries(tx, scope, [...new Set(found.map(({ key }) => key[2] ?? ''))]);
    const unsettled = new Set(entries.filter((entry) => !isSettled(entry)).map(({ place }) => place));
    for (const { record, place } of touches) {
      if (record === counted || !unsettled.has(place)) continue;
      counted = record;
      const { collection, id } = recordOfKey(record);
      const count = counts.get(collection);
      if (!count) continue;
      count.pending += 1;
      if ((await tx.get('records', [scope, collection, id])) !== undefined) count.synced -= 1;
    }
    after = found.at(-1)?.key;
    if (found.length < chunk) return;
  }
}

async function countFailed(tx: StorageTransaction, scope: string, counts: Counts): Promise<void> {
  let after: number | undefined;
  for (;;) {
    const items = await listQuarantine(tx, scope, {
      limit: chunk,
      ...(after === undefined ? {} : { after }),
    });
    for (const { mutation } of items)
      for (const name of new Set(mutation.changes.map(({ collection }) => collection))) {
        const count = counts.get(name);
        if (count) count.failed += 1;
      }
    after = items.at(-1)?.place;
    if (items.length < chunk) return;
  }
}
