// The outbox: mutations that are not settled, and settled ones that are still part of the view.
//
//            ┌────────── sent again ──────────┐
//            ▼                                │
//   unsent ──────▶ sent ──── applied, merged, excepted ───▶ settled ── the visible seq reaches its asOf ──▶ gone
//     │             ├─────── waiting  ─────▶ waiting  ┐
//     │             ├─────── conflict ─────▶ conflict ┤ a later verdict
//     │             ├─────── an error ─────▶ held     ┘
//     │             └─────── rejected ─────▶ quarantine
//     └─ depends on a rejected one ────────▶ quarantine
//
// Every state but `conflict` is part of the view, unless the entry is hidden. All functions run inside a transaction of the caller.

import { type Json, type Mutation, type RecordChange, recordKey, resolveIn } from '@holdfast/core';
import { firstBehind, placeKey } from './index-key.ts';
import type { Progress } from './progress.ts';
import type { StorageEntry, StorageKey, StorageTransaction } from './storage/port.ts';

/** `sent`: it may have reached the server. An exchange that the server refused as a whole does not count. */
export type EntryState = 'unsent' | 'sent' | 'waiting' | 'conflict' | 'held' | 'settled';

export interface OutboxEntry {
  place: number;
  mutation: Mutation;
  state: EntryState;
  /** 1 to 10; the highest of its changes. */
  priority: number;
  /** Of its JSON text in UTF-8. */
  bytes: number;
  /** It was sent under a former replica id and has not been answered under the present one. */
  again?: true;
  /** It was made while the server was out of reach, as far as was known: the status said `offline`. */
  madeOffline?: true;
  /** Held, and certain never to have reached the server. */
  unreached?: true;
  /**
   * It is out of the view: a live page has brought its effect before its verdict, or it builds on a record that another entry was to
   * make, and did not, and the server's state will tell.
   */
  hidden?: true;
  /** Settled: the seq from which on the server's state holds its effect. */
  asOf?: number;
  /** Why it waits, is in conflict or is held. */
  reason?: { code: string; message?: string; field?: string; help?: string };
  /** The conflicts that hold it. */
  conflicts?: readonly number[];
  /** Of an answer to a conflict: what it is foreseen to do to the record. */
  shown?: readonly RecordChange[];
}

/** Lists over the outbox (table `marks`). `send0` holds priority 10, `send9` priority 1. */
export type OutboxList = `send${number}` | 'waiting' | 'conflict' | 'held' | 'settled' | 'again' | 'decision';

export function sendList(priority: number): OutboxList {
  return `send${10 - priority}`;
}

/** Whether it goes into the next batch that has room, as far as it alone is concerned. */
export function isSendable(entry: OutboxEntry): boolean {
  return entry.state === 'unsent' || entry.state === 'sent' || entry.again === true;
}

export function isInView(entry: OutboxEntry): boolean {
  return entry.state !== 'conflict' && !entry.hidden;
}

export function isSettled(entry: OutboxEntry): boolean {
  return entry.state === 'settled';
}

/** The records that a mutation touches, each once, in its order. */
export function keysOf(mutation: Mutation): string[] {
  const keys = mutation.changes.map((change) => recordKey(change.collection, change.id));
  return keys.length > 1 ? [...new Set(keys)] : keys;
}

/** What an entry writes to one record, as far as this device can tell. */
export function writesOf(entry: OutboxEntry, key: string): readonly RecordChange[] {
  return writesByKey(entry).get(key) ?? [];
}

/** Record key → what an entry writes to it, as far as this device can tell, in order. */
export function writesByKey({ mutation, shown = [] }: OutboxEntry): Map<string, RecordChange[]> {
  const writes = new Map<string, RecordChange[]>();
  for (const change of [...shown, ...mutation.changes]) {
    if (change.type === 'resolve') continue;
    const key = recordKey(change.collection, change.id);
    const others = writes.get(key);
    if (others) others.push(change);
    else writes.set(key, [change]);
  }
  return writes;
}

/** A record key's parts; no collection's name holds a slash. */
export function recordOfKey(key: string): { collection: string; id: string } {
  const at = key.indexOf('/');
  return { collection: key.slice(0, at), id: key.slice(at + 1) };
}

export async function appendEntry(tx: StorageTransaction, scope: string, entry: OutboxEntry): Promise<void> {
  const place = placeKey(entry.place);
  await tx.putMany(
    'touches',
    keysOf(entry.mutation).map((key) => ({ key: [scope, key, place], value: true })),
  );
  await writeEntry(tx, scope, entry);
}

/** Writes an entry and the lists in which it stands. `before` is the entry as it was stored; absent for a new one. */
export async function writeEntry(
  tx: StorageTransaction,
  scope: string,
  entry: OutboxEntry,
  before?: OutboxEntry,
): Promise<void> {
  const place = placeKey(entry.place);
  await tx.put('outbox', [scope, place], entry as unknown as Json);
  const lists = listsOf(entry);
  const old = before ? listsOf(before) : [];
  const marks: StorageEntry[] = lists
    .filter((list) => !old.includes(list))
    .map((list) => ({ key: [scope, list, place], value: list === 'settled' ? (entry.asOf ?? 0) : true }));
  if (entry.mutation.id !== before?.mutation.id)
    marks.push({ key: [scope, 'id', entry.mutation.id], value: entry.place });
  if (marks.length > 0) await tx.putMany('marks', marks);
  for (const list of old) if (!lists.includes(list)) await tx.delete('marks', [scope, list, place]);
  if (before && before.mutation.id !== entry.mutation.id)
    await tx.delete('marks', [scope, 'id', before.mutation.id]);
}

/** Takes an entry out of the outbox. Answers the keys of the records whose view must be folded afresh. */
export async function removeEntry(
  tx: StorageTransaction,
  scope: string,
  entry: OutboxEntry,
): Promise<string[]> {
  const place = placeKey(entry.place);
  const keys = keysOf(entry.mutation);
  await tx.delete('outbox', [scope, place]);
  for (const key of keys) await tx.delete('touches', [scope, key, place]);
  for (const list of listsOf(entry)) await tx.delete('marks', [scope, list, place]);
  await tx.delete('marks', [scope, 'id', entry.mutation.id]);
  return keys;
}

/** Takes all entries out of the outbox at once. */
export async function clearOutbox(tx: StorageTransaction, scope: string): Promise<void> {
  for (const table of ['outbox', 'touches', 'marks'] as const) await tx.deleteAll(table, [scope]);
}

/** Keeps the counts of the scope true when an entry changes. Either side undefined: not in the outbox. */
export function countEntry(
  progress: Progress,
  before: OutboxEntry | undefined,
  after: OutboxEntry | undefined,
): void {
  const pending = (entry: OutboxEntry | undefined): number =>
    Number(entry !== undefined && !isSettled(entry));
  const again = (entry: OutboxEntry | undefined): number => Number(entry?.again === true);
  progress.pending += pending(after) - pending(before);
  progress.again += again(after) - again(before);
}

export async function readEntry(
  tx: StorageTransaction,
  scope: string,
  place: number,
): Promise<OutboxEntry | undefined> {
  return asEntry(await tx.get('outbox', [scope, placeKey(place)]));
}

export async function readEntries(
  tx: StorageTransaction,
  scope: string,
  places: readonly string[],
): Promise<OutboxEntry[]> {
  if (places.length === 0) return [];
  const found = await tx.getMany(
    'outbox',
    places.map((place) => [scope, place]),
  );
  return found.flatMap((value) => asEntry(value) ?? []);
}

/** The entries of these mutation ids that are still in the outbox. */
export async function findEntries(
  tx: StorageTransaction,
  scope: string,
  ids: readonly string[],
): Promise<Map<string, OutboxEntry>> {
  if (ids.length === 0) return new Map();
  const places = await tx.getMany(
    'marks',
    ids.map((id) => [scope, 'id', id]),
  );
  const known = places.flatMap((place) => (typeof place === 'number' ? [placeKey(place)] : []));
  const entries = await readEntries(tx, scope, known);
  return new Map(entries.map((entry) => [entry.mutation.id, entry]));
}

/** Places of the entries that touch a record, in order. */
export async function placesTouching(tx: StorageTransaction, scope: string, key: string): Promise<string[]> {
  const places: string[] = [];
  let after: readonly string[] | undefined;
  for (;;) {
    const found = await tx.scan('touches', {
      prefix: [scope, key],
      limit: chunk,
      ...(after ? { after } : {}),
    });
    for (const entry of found) places.push(entry.key[2] ?? '');
    after = found.at(-1)?.key;
    if (found.length < chunk) return places;
  }
}

/** Whether the server has not settled all that was written to a record here. */
export async function isPending(tx: StorageTransaction, scope: string, key: string): Promise<boolean> {
  const entries = await readEntries(tx, scope, await placesTouching(tx, scope, key));
  return entries.some((entry) => !isSettled(entry));
}

/** Places in one list, in order, at most `limit`, behind `after`. */
export async function placesIn(
  tx: StorageTransaction,
  scope: string,
  list: OutboxList,
  options: { after?: string; limit: number },
): Promise<string[]> {
  const after = options.after === undefined ? {} : { after: [scope, list, options.after] };
  const found = await tx.scan('marks', { prefix: [scope, list], limit: options.limit, ...after });
  return found.map(({ key }) => key[2] ?? '');
}

/** Keys in the lists of what is to be sent, highest priority first, then in order of place; behind `after`. */
export async function sendableMarks(
  tx: StorageTransaction,
  scope: string,
  options: { priorityMin: number; after?: StorageKey; limit: number },
): Promise<StorageKey[]> {
  const { priorityMin, after, limit } = options;
  const end = firstBehind(sendList(priorityMin));
  const found = await tx.scan('marks', {
    prefix: [scope],
    from: [sendList(10)],
    ...(end === undefined ? {} : { to: [end] }),
    ...(after ? { after } : {}),
    limit,
  });
  return found.map(({ key }) => key);
}

/** Entries in the order of their places, behind `after`. */
export async function listEntries(
  tx: StorageTransaction,
  scope: string,
  options: { limit?: number; after?: number; wanted(entry: OutboxEntry): boolean },
): Promise<OutboxEntry[]> {
  const { limit = 100 } = options;
  const entries: OutboxEntry[] = [];
  let after = options.after === undefined ? undefined : [scope, placeKey(options.after)];
  for (;;) {
    const found = await tx.scan('outbox', {
      prefix: [scope],
      limit: Math.min(limit, chunk),
      ...(after ? { after } : {}),
    });
    for (const { value } of found) {
      const entry = asEntry(value);
      if (entry && options.wanted(entry) && entries.length < limit) entries.push(entry);
    }
    after = found.at(-1)?.key.slice();
    if (!after || entries.length >= limit) return entries;
  }
}

const chunk = 500;

function listsOf(entry: OutboxEntry): OutboxList[] {
  const lists: OutboxList[] = [];
  if (isSendable(entry)) lists.push(sendList(entry.priority));
  if (entry.state !== 'unsent' && entry.state !== 'sent') lists.push(entry.state);
  if (entry.again) lists.push('again');
  if (!isSettled(entry) && resolveIn(entry.mutation)) lists.push('decision');
  return lists;
}

function asEntry(value: Json | undefined): OutboxEntry | undefined {
  return value as unknown as OutboxEntry | undefined;
}
