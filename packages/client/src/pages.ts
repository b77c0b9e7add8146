// Pages from the server: a run of them is staged durably and invisibly, and becomes visible as a whole.
//
//   page, more ──▶ staged ──▶ page, more ──▶ staged ──▶ page, no more ──▶ all of it visible, in one transaction
//
// What that one transaction costs: each part of a page is read once and each of its records written once, so memory stays bounded
// by a part (pages.test.ts), and the storage gives the event loop its turns in between (sync-storage.test.ts). The storage itself
// holds the whole run until it commits, and no other call gets in meanwhile. That is the price of invariant 3: a run that became
// visible in parts would show mutations in halves.

import { type ChangedRecord, type ExchangeAnswer, equalJson, type Json, recordKey } from '@holdfast/core';
import { placeKey } from './index-key.ts';
import type { Progress, StagedRun } from './progress.ts';
import { type ScopeDeps, type Shadow, takeServerRecords } from './recompute.ts';
import { clearOpenStage, readOpenStage, writeOpenStage } from './stages.ts';
import type { StorageKey, StorageTransaction } from './storage/port.ts';
import { liftVeil, touchedRecords } from './veil.ts';
import { releaseSettled } from './verdicts.ts';

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

/**
 * Stages a page or makes its run visible; then settled entries whose effect it holds are released. Changes `progress`; notes in
 * `dirty` the records whose view must be folded afresh.
 */
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
  const sweeps = run.complete && (progress.opened || open !== undefined);
  const records = recordsOf(page);
  const direct = last && run.records === 0 && !sweeps;
  if (!direct) {
    await stage(tx, deps, records, run.records);
    const seq = Math.max(run.seq ?? 0, page.records.at(-1)?.version ?? 0);
    progress.staged = { ...run, checkpoint: page.checkpoint, records: run.records + records.length, seq };
    if (!last) return 'staged';
  }
  progress.staged = null;
  if (run.collections) {
    await writeOpenStage(tx, deps.scope, { collections: run.collections, seq: page.head });
  } else {
    if (open) await clearOpenStage(tx, deps.scope);
    if (!progress.opened) await liftVeil(tx, deps.scope, dirty);
    progress.checkpoint = page.checkpoint;
    progress.seq = page.head;
    progress.opened = true;
  }
  // First, because most often the outbox is empty then, and covers nothing of what comes.
  await releaseSettled(tx, deps, state);
  if (sweeps) await forgetServer(tx, deps, dirty);
  if (direct) await takeServerRecords(tx, deps, records, dirty);
  else await unstage(tx, deps, dirty);
  if (!run.collections) return 'visible';
  // The veil is off what touches nothing else.
  for (const record of await touchedRecords(tx, deps.scope)) dirty.add(record);
  return 'open';
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

/** Records of one entry of `staged`: what lives no longer than it takes to write so many is young garbage, and costs no memory. */
const partRecords = 100;
const chunk = 500;

/** `from`: how many records of the run are staged already. */
async function stage(
  tx: StorageTransaction,
  deps: ScopeDeps,
  records: readonly ChangedRecord[],
  from: number,
): Promise<void> {
  for (let at = 0; at < records.length; at += partRecords) {
    const part = records.slice(at, at + partRecords);
    await tx.put('staged', [deps.scope, placeKey(from + at)], part as unknown as Json);
  }
}

/**
 * In the order of the pages: of a record that came twice, what came last counts. Each part goes when it is shown, so that the storage
 * has its room for the records.
 */
async function unstage(tx: StorageTransaction, deps: ScopeDeps, dirty: Set<string>): Promise<void> {
  for (;;) {
    const [part] = await tx.scan('staged', { prefix: [deps.scope], limit: 1 });
    if (!part) return;
    await takeServerRecords(tx, deps, part.value as unknown as ChangedRecord[], dirty);
    await tx.delete('staged', part.key);
  }
}

/** A complete run says what there is: whatever else this replica had of the server is gone. */
async function forgetServer(tx: StorageTransaction, deps: ScopeDeps, dirty: Set<string>): Promise<void> {
  for (const table of ['records', 'indexes', 'tombstones'] as const) await tx.deleteAll(table, [deps.scope]);
  const none: Shadow = { version: 0, body: null };
  let after: StorageKey | undefined;
  for (;;) {
    const found = await tx.scan('shadows', {
      prefix: [deps.scope],
      limit: chunk,
      ...(after ? { after } : {}),
    });
    await tx.putMany(
      'shadows',
      found.map(({ key }) => ({ key, value: { ...none } })),
    );
    for (const { key } of found) dirty.add(recordKey(key[1] ?? '', key[2] ?? ''));
    after = found.at(-1)?.key;
    if (found.length < chunk) return;
  }
}
