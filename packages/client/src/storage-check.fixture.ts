// Computes afresh what a replica's storage keeps incrementally, and says where they differ.

import { canonicalJson, type Json, type JsonObject, resolveIn, type Schema } from '@holdfast/core';
import { indexEntriesOf, placeKey } from './index-key.ts';
import { isInView, isSettled, keysOf, type OutboxEntry, recordOfKey, sendList, writesOf } from './outbox.ts';
import type { Progress } from './progress.ts';
import type { Shadow, VisibleRecord } from './recompute.ts';
import { isOnTop, type OpenStage, readOpenStage } from './stages.ts';
import type { Storage, StorageEntry, StorageTable } from './storage/port.ts';
import { readVeil } from './veil.ts';
import { foldChanges } from './view.ts';

export async function checkStorage(storage: Storage, schema: Schema, scope: string): Promise<string[]> {
  return storage.transaction('read', async (tx) => {
    const all = (table: StorageTable): Promise<readonly StorageEntry[]> =>
      tx.scan(table, { prefix: [scope], limit: 1_000_000 });
    const entries = (await all('outbox')).map(({ value }) => value as unknown as OutboxEntry);
    const progress = ((await tx.get('scopes', [scope, 'progress'])) ?? {}) as unknown as Progress;
    const shadows = new Map(
      (await all('shadows')).map(({ key, value }) => [`${key[1]}/${key[2]}`, value as unknown as Shadow]),
    );
    const records = new Map(
      (await all('records')).map(({ key, value }) => [
        `${key[1]}/${key[2]}`,
        value as unknown as VisibleRecord,
      ]),
    );
    const veil = await readVeil(tx, scope);
    const open = await readOpenStage(tx, scope);
    return [
      ...checkView(schema, { entries, veil, open, shadows, records, ended: progress.ended }),
      ...same(
        'touches',
        await all('touches'),
        entries.flatMap((entry) => keysOf(entry.mutation).map((key) => [scope, key, placeKey(entry.place)])),
      ),
      ...same(
        'marks',
        await all('marks'),
        entries.flatMap((entry) => marksOf(scope, entry)),
      ),
      ...same('indexes', await all('indexes'), indexKeys(schema, scope, records)),
      ...checkCounts(progress, entries),
      ...(await all('tombstones'))
        .map(({ key }) => `${key[1]}/${key[2]}`)
        .filter((key) => (shadows.has(key) ? shadows.get(key)?.body : records.get(key)))
        .map((key) => `${key} has a tombstone and is alive on the server`),
    ];
  });
}

function checkView(
  schema: Schema,
  {
    entries,
    veil,
    open,
    shadows,
    records,
    ended,
  }: {
    entries: OutboxEntry[];
    veil: string | undefined;
    open: OpenStage | undefined;
    shadows: Map<string, Shadow>;
    records: Map<string, VisibleRecord>;
    ended: boolean;
  },
): string[] {
  const touched = new Set(entries.flatMap((entry) => keysOf(entry.mutation)));
  const complaints: string[] = [];
  if (ended) return records.size + shadows.size > 0 ? ['an ended scope shows records'] : [];
  for (const key of shadows.keys())
    if (!touched.has(key)) complaints.push(`${key} has a shadow that nothing needs`);
  for (const key of touched) {
    const shadow = shadows.get(key);
    if (!shadow) {
      complaints.push(`${key} is touched and has no shadow`);
      continue;
    }
    const writes = entries
      .filter((entry) => isInView(entry) && isOnTop(entry, key, { open, veil }))
      .flatMap((entry) => writesOf(entry, key).map((change) => ({ change, schema: entry.mutation.schema })));
    const fresh = foldChanges(schema, shadow.body, writes);
    const kept = records.get(key)?.body ?? null;
    if (text(fresh) !== text(kept))
      complaints.push(`${key} shows ${text(kept)}, afresh it is ${text(fresh)}`);
    if (kept && records.get(key)?.version !== shadow.version)
      complaints.push(`${key} has another version than its shadow`);
  }
  return complaints;
}

function marksOf(scope: string, entry: OutboxEntry): string[][] {
  const place = placeKey(entry.place);
  const lists: string[] = [];
  if (entry.state === 'unsent' || entry.state === 'sent' || entry.again) lists.push(sendList(entry.priority));
  if (entry.state !== 'unsent' && entry.state !== 'sent') lists.push(entry.state);
  if (entry.again) lists.push('again');
  if (entry.state !== 'settled' && resolveIn(entry.mutation)) lists.push('decision');
  return [[scope, 'id', entry.mutation.id], ...lists.map((list) => [scope, list, place])];
}

function indexKeys(
  schema: Schema,
  scope: string,
  records: Map<string, VisibleRecord>,
): (readonly string[])[] {
  return [...records].flatMap(([key, { body }]) => {
    const { collection: name, id } = recordOfKey(key);
    const collection = schema.collections.get(name);
    return collection ? indexEntriesOf({ scope, collection, id }, body).map((entry) => entry.key) : [];
  });
}

function checkCounts(progress: Progress, entries: OutboxEntry[]): string[] {
  const pending = entries.filter((entry) => !isSettled(entry)).length;
  const again = entries.filter((entry) => entry.again).length;
  return [
    ...((progress.pending ?? 0) === pending ? [] : [`pending is ${progress.pending}, not ${pending}`]),
    ...((progress.again ?? 0) === again ? [] : [`again is ${progress.again}, not ${again}`]),
  ];
}

function same(table: string, kept: readonly StorageEntry[], fresh: readonly (readonly string[])[]): string[] {
  const keptKeys = new Set(kept.map(({ key }) => JSON.stringify(key)));
  const freshKeys = new Set(fresh.map((key) => JSON.stringify(key)));
  return [
    ...[...keptKeys].filter((key) => !freshKeys.has(key)).map((key) => `${table} has ${key} too much`),
    ...[...freshKeys].filter((key) => !keptKeys.has(key)).map((key) => `${table} lacks ${key}`),
  ];
}

function text(body: JsonObject | null): string {
  return canonicalJson(body as Json);
}
