// Pages from the server: a run of them is staged durably and invisibly, and becomes visible as a whole.
//
//   page, more ──▶ staged ──▶ page, more ──▶ staged ──▶ page, no more ──▶ all of it visible, in one transaction
//
// What that one transaction costs: each staged record is read once and written once, in chunks, so memory stays bounded by
// a chunk (pages.test.ts), and the storage gives the event loop its turns in between (sync-storage.test.ts). The storage itself
// holds the whole run until it commits, and no other call gets in meanwhile. 200,000 records of 120 bytes took SQLite 7 seconds on
// two busy cores and a write-ahead log of 100 MB, once, at the first sync; the event loop waited half a second at most, for the
// commit. That is the price of invariant 3: a run that became visible in parts would show mutations in halves.

import { type ChangedRecord, type ExchangeAnswer, equalJson, type Json, recordKey } from '@holdfast/core';
import type { Progress, StagedRun } from './progress.ts';
import {
  type ScopeDeps,
  type Shadow,
  takeServerRecords,
  type VisibleRecord,
  writeVisible,
} from './recompute.ts';
import { clearOpenStage, readOpenStage, writeOpenStage } from './stages.ts';
import type { StorageKey, StorageTransaction } from './storage/port.ts';
import { liftVeil, touchedRecords } from './veil.ts';

/**
 * `open`: the first sync goes on, and a stage of it is visible. `known`: all that it holds is visible here already, by a page that was quicker. `dropped`: the page does not continue what this
 * replica has read; it must pull again.
 */
export type PageOutcome = 'visible' | 'open' | 'staged' | 'known' | 'dropped';

/** The checkpoint from which the next page must continue. */
export function readingFrom(progress: Progress): string | null {
  return progress.staged ? progress.staged.checkpoint : progress.checkpoint;
}

export interface Page extends Pick<ExchangeAnswer, 'from' | 'checkpoint' | 'head' | 'more' | 'records'> {
  /** It was asked for with these collections alone. */
  collections?: readonly string[] | undefined;
}

/** Stages a page or makes its run visible. Changes `progress`; notes in `dirty` the records whose view must be folded afresh. */
export async function takePage(
  tx: StorageTransaction,
  deps: ScopeDeps,
  page: Page,
  state: { progress: Progress; dirty: Set<string> },
): Promise<PageOutcome> {
  const { progress, dirty } = state;
  if (page.from !== readingFrom(progress)) return isKnown(progress, page) ? 'known' : 'dropped';
  const run = progress.staged ?? newRun(progress, page.collections);
  if (!equalJson(run.collections ?? null, page.collections ?? null)) return 'dropped';
  progress.head = Math.max(progress.head, page.head);
  const open = progress.opened ? undefined : await readOpenStage(tx, deps.scope);
  // After the replica took a new id, a verdict that says what of a page is its own work may still be missing.
  const last = !page.more && progress.again === 0;
  const isFirst = !progress.opened && !open;
  const sweeps = run.complete && !isFirst;
  const records = recordsOf(page);
  if (last && run.records === 0 && !sweeps) {
    await takeServerRecords(tx, deps, records, { dirty, isFirst });
  } else {
    await stage(tx, deps, records);
    progress.staged = { ...run, checkpoint: page.checkpoint, records: run.records + records.length };
    if (!last) return 'staged';
    if (sweeps) await removeUndelivered(tx, deps, dirty);
    await unstage(tx, deps, { dirty, isFirst });
  }
  progress.staged = null;
  if (run.collections) {
    await writeOpenStage(tx, deps.scope, { collections: run.collections, seq: page.head });
    // The veil is off what touches nothing else.
    for (const record of await touchedRecords(tx, deps.scope)) dirty.add(record);
    return 'open';
  }
  if (open) await clearOpenStage(tx, deps.scope);
  if (!progress.opened) await liftVeil(tx, deps.scope, dirty);
  progress.checkpoint = page.checkpoint;
  progress.seq = page.head;
  progress.opened = true;
  return 'visible';
}

function newRun({ checkpoint }: Progress, collections: readonly string[] | undefined): StagedRun {
  // Behind a checkpoint there is nothing that was not read of all collections.
  const run = { checkpoint, complete: checkpoint === null, records: 0 };
  return collections && checkpoint === null ? { ...run, collections } : run;
}

/** A server that does not know stages sends all collections; what was not asked for comes with the last run. */
function recordsOf({ records, collections }: Page): readonly ChangedRecord[] {
  return collections ? records.filter(({ collection }) => collections.includes(collection)) : records;
}

function isKnown(
  { opened, staged, seq }: Progress,
  { more, head }: Pick<ExchangeAnswer, 'more' | 'head'>,
): boolean {
  return opened && !staged && !more && head <= seq;
}

/** Forgets what is staged and reads everything afresh; what is visible stays until the new run is whole. */
export async function restartRun(tx: StorageTransaction, deps: ScopeDeps, progress: Progress): Promise<void> {
  await tx.deleteAll('staged', [deps.scope]);
  progress.staged = { checkpoint: null, complete: true, records: 0 };
}

const chunk = 100;

async function stage(
  tx: StorageTransaction,
  deps: ScopeDeps,
  records: readonly ChangedRecord[],
): Promise<void> {
  if (records.length === 0) return;
  await tx.putMany(
    'staged',
    records.map((record) => ({
      key: [deps.scope, recordKey(record.collection, record.id)],
      value: record as unknown as Json,
    })),
  );
}

async function unstage(
  tx: StorageTransaction,
  deps: ScopeDeps,
  state: { dirty: Set<string>; isFirst: boolean },
): Promise<void> {
  await eachChunk(tx, 'staged', deps.scope, (entries) => {
    const records = entries.map(({ value }) => value as unknown as ChangedRecord);
    return takeServerRecords(tx, deps, records, state);
  });
  await tx.deleteAll('staged', [deps.scope]);
}

/** A complete run says what there is; whatever else this replica had of the server is gone. */
async function removeUndelivered(tx: StorageTransaction, deps: ScopeDeps, dirty: Set<string>): Promise<void> {
  await eachChunk(tx, 'records', deps.scope, async (entries) => {
    const gone = await undelivered(tx, deps, entries);
    const shadows = await tx.getMany(
      'shadows',
      gone.map(({ key }) => key),
    );
    for (const [at, { key, value }] of gone.entries()) {
      if (shadows[at] !== undefined) continue;
      const [, collection = '', id = ''] = key;
      const before = value as unknown as VisibleRecord;
      await writeVisible(tx, deps, { collection, id, before, after: undefined });
    }
  });
  await eachChunk(tx, 'shadows', deps.scope, async (entries) => {
    const none: Shadow = { version: 0, body: null };
    for (const { key } of await undelivered(tx, deps, entries)) {
      await tx.put('shadows', key, { ...none });
      dirty.add(recordKey(key[1] ?? '', key[2] ?? ''));
    }
  });
  await tx.deleteAll('tombstones', [deps.scope]);
}

interface Found {
  key: StorageKey;
  value: Json;
}

async function undelivered(
  tx: StorageTransaction,
  deps: ScopeDeps,
  entries: readonly Found[],
): Promise<Found[]> {
  const staged = await tx.getMany(
    'staged',
    entries.map(({ key }) => [deps.scope, recordKey(key[1] ?? '', key[2] ?? '')]),
  );
  return entries.filter((_, at) => staged[at] === undefined);
}

/** Reads a scope's part of a table in chunks; `work` may delete what it was given. */
async function eachChunk(
  tx: StorageTransaction,
  table: 'records' | 'shadows' | 'staged',
  scope: string,
  work: (entries: readonly Found[]) => Promise<void>,
): Promise<void> {
  let after: StorageKey | undefined;
  for (;;) {
    const found = await tx.scan(table, { prefix: [scope], limit: chunk, ...(after ? { after } : {}) });
    if (found.length > 0) await work(found);
    after = found.at(-1)?.key;
    if (found.length < chunk) return;
  }
}
