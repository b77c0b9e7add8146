// What in the outbox builds on a record that only one entry makes, and what becomes of it when that entry makes it no more.

import type { Schema } from '@holdfast/core';
import { placeKey } from './index-key.ts';
import {
  isInView,
  keysOf,
  type OutboxEntry,
  placesTouching,
  readEntries,
  recordOfKey,
  writeEntry,
  writesOf,
} from './outbox.ts';
import { readStood, type ScopeDeps } from './recompute.ts';
import type { StorageTransaction } from './storage/port.ts';
import { createsAnew } from './view.ts';

/** Records that exist only by this entry: the server has none, and no earlier entry in the view makes one. */
export async function createdKeys(
  tx: StorageTransaction,
  deps: ScopeDeps,
  entry: OutboxEntry,
): Promise<string[]> {
  const created: string[] = [];
  for (const key of keysOf(entry.mutation)) {
    if (!putsRecord(entry, key)) continue;
    const { collection, id } = recordOfKey(key);
    if ((await readStood(tx, deps, collection, id)).server.body !== null) continue;
    const earlier = (await placesTouching(tx, deps.scope, key)).filter(
      (place) => place < placeKey(entry.place),
    );
    const makers = await readEntries(tx, deps.scope, earlier);
    if (!makers.some((other) => isInView(other) && putsRecord(other, key))) created.push(key);
  }
  return created;
}

/** Later entries in the view that change one of these records without making it themselves, in order. */
export async function dependentsOn(
  tx: StorageTransaction,
  deps: ScopeDeps,
  keys: readonly string[],
  place: number,
): Promise<OutboxEntry[]> {
  const found = new Map<number, OutboxEntry>();
  for (const key of keys) {
    const later = (await placesTouching(tx, deps.scope, key)).filter((other) => other > placeKey(place));
    for (const entry of await readEntries(tx, deps.scope, later)) {
      if (!isInView(entry)) continue;
      const [first] = writesOf(entry, key);
      if (!first) continue;
      // From a put of its own on, the record stands without the one that was not taken.
      if (createsAnew(first)) break;
      found.set(entry.place, entry);
    }
  }
  return [...found.values()].sort((a, b) => a.place - b.place);
}

/**
 * Takes a request, and what builds on it, out of the view: of its records one is gone, and it is to be seen whole or not at all. It
 * stays in the outbox, for the server may have taken it. Of a fact the server takes what it can, and that stays in sight.
 */
export async function hideEntry(
  tx: StorageTransaction,
  deps: ScopeDeps,
  entry: OutboxEntry,
  dirty: Set<string>,
): Promise<void> {
  if (isFact(deps.schema, entry)) return;
  const created = await createdKeys(tx, deps, entry);
  await writeEntry(tx, deps.scope, { ...entry, hidden: true }, entry);
  for (const key of keysOf(entry.mutation)) dirty.add(key);
  for (const next of await dependentsOn(tx, deps, created, entry.place))
    await hideEntry(tx, deps, next, dirty);
}

function isFact({ collections }: Schema, { mutation }: OutboxEntry): boolean {
  return mutation.changes.some(({ collection }) => collections.get(collection)?.kind === 'fact');
}

function putsRecord(entry: OutboxEntry, key: string): boolean {
  return writesOf(entry, key).some((change) => change.type === 'put');
}
