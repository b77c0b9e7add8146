// The quarantine of this device as a person sees it, and what a person can do about it.
//
//   correct   made again with other content, under a new id; only what the server certainly did not apply
//   resend    made again as it was; under its old id where the server may have applied it
//   discard   dropped, by the user's own word
//
// It has no bound, as the outbox has none: all of it was in this device's own outbox, and nothing may leave it but by a person's word.

import type { Change, Json, Mutation } from '@holdfast/core';
import { answerIn, decide } from './decisions.ts';
import { logDiscard } from './discards.ts';
import { ReplicaError, unknownCollection } from './errors.ts';
import { placeKey } from './index-key.ts';
import { type MutateDeps, type MutationDraft, newId, runMutation } from './mutate.ts';
import {
  appendEntry,
  countEntry,
  keysOf,
  type OutboxEntry,
  placesIn,
  readEntries,
  readEntry,
  recordOfKey,
  writeEntry,
} from './outbox.ts';
import { type Progress, readProgress, writeProgress } from './progress.ts';
import { type QuarantineEntry, type QuarantineState, quarantineEntry } from './quarantine-entry.ts';
import { ensureShadow, readStood, recompute } from './recompute.ts';
import { wishAgain } from './replay.ts';
import type { StorageTransaction } from './storage/port.ts';

export interface QuarantineItem extends QuarantineEntry {
  /** It is still in the outbox and part of the view; the server would not judge it. */
  held: boolean;
}

export interface ListOptions {
  /** At most so many; default 100. */
  limit?: number;
  /** Behind this place. */
  after?: number;
}

/** Held entries of the outbox and the quarantine proper, each in order of their place. */
export async function listQuarantine(
  tx: StorageTransaction,
  scope: string,
  options: ListOptions = {},
): Promise<QuarantineItem[]> {
  const { limit = 100, after } = options;
  const from = after === undefined ? undefined : placeKey(after);
  const held = await readEntries(
    tx,
    scope,
    await placesIn(tx, scope, 'held', { limit, ...(from === undefined ? {} : { after: from }) }),
  );
  const found = await tx.scan('quarantine', {
    prefix: [scope],
    limit,
    ...(from === undefined ? {} : { after: [scope, from] }),
  });
  const items = [
    ...held.map(heldItem),
    ...found.map(({ value }) => ({ ...asQuarantine(value), held: false })),
  ];
  return items.sort((a, b) => a.place - b.place).slice(0, limit);
}

/** `edit` makes the changes that are sent instead, or gives them as a list. */
export async function correctEntry(
  deps: MutateDeps,
  place: number,
  edit: readonly Change[] | ((draft: MutationDraft, mutation: Mutation) => Promise<unknown>),
): Promise<void> {
  await runMutation(deps, async (draft) => {
    const item = await draft.within((tx) => mustFind(tx, deps.scope, place));
    if (!isDecided(item)) throw new ReplicaError('entry_undecided');
    await draft.within((tx) => takeOut(tx, deps, item, draft.progress));
    if (typeof edit === 'function') await edit(draft, item.mutation);
    else await replay(draft, deps, edit);
  });
}

export async function resendEntry(deps: MutateDeps, place: number): Promise<void> {
  const resent = await deps.storage.transaction('durable', async (tx) => {
    const item = await mustFind(tx, deps.scope, place);
    const { priority } = item;
    if (!item.held && isDecided(item)) return { sameId: false, priority };
    if (item.held) await sendHeld(tx, deps, item);
    else await putBack(tx, deps, item);
    return { sameId: true, priority };
  });
  if (resent.sameId) {
    deps.sending.written();
    return;
  }
  const again = async (draft: MutationDraft): Promise<void> => {
    const item = await draft.within((tx) => mustFind(tx, deps.scope, place));
    await draft.within((tx) => takeOut(tx, deps, item, draft.progress));
    await replay(draft, deps, item.mutation.changes);
  };
  await runMutation(deps, again, { priority: resent.priority });
}

export async function discardEntry(deps: MutateDeps, place: number, reason: string): Promise<void> {
  await deps.storage.transaction('durable', async (tx) => {
    const item = await mustFind(tx, deps.scope, place);
    await takeOut(tx, deps, item, await readProgress(tx, deps.scope));
    await logDiscard(tx, deps.scope, {
      mutation: item.mutation.id,
      code: item.code,
      reason,
      at: deps.clock.wallMs(),
    });
  });
  deps.sending.written();
}

/** Whether the server certainly did not and will not apply it under its id. */
function isDecided(item: QuarantineItem): boolean {
  return item.rejected || item.code === 'id_reused' || !item.undecided;
}

async function replay(draft: MutationDraft, deps: MutateDeps, changes: readonly Change[]): Promise<void> {
  for (const change of changes) {
    if (change.type === 'resolve') {
      await decide(deps, draft, change.conflict, answerIn(change));
      continue;
    }
    const collection = deps.schema.collections.get(change.collection);
    if (!collection) throw unknownCollection(change.collection);
    const stood = await draft.within((tx) => readStood(tx, deps, change.collection, change.id));
    await draft.change(collection, change.id, wishAgain(change, stood.visible?.body ?? null, collection));
  }
}

async function mustFind(tx: StorageTransaction, scope: string, place: number): Promise<QuarantineItem> {
  const value = await tx.get('quarantine', [scope, placeKey(place)]);
  if (value !== undefined) return { ...asQuarantine(value), held: false };
  const entry = await readEntry(tx, scope, place);
  if (entry?.state !== 'held') throw new ReplicaError('entry_unknown');
  return heldItem(entry);
}

/** Takes it out of the quarantine, or out of outbox and view; what was built on it goes to the quarantine in its place. */
async function takeOut(
  tx: StorageTransaction,
  deps: MutateDeps,
  item: QuarantineItem,
  progress: Progress,
): Promise<void> {
  if (item.held) {
    const entry = await readEntry(tx, deps.scope, item.place);
    if (!entry) return;
    const state: QuarantineState = { progress, dirty: new Set(), wallMs: deps.clock.wallMs() };
    await quarantineEntry(tx, deps, { entry, reason: { code: item.code }, rejected: false }, state);
    await recompute(tx, deps, state.dirty);
    await writeProgress(tx, deps.scope, progress);
  }
  await tx.delete('quarantine', [deps.scope, placeKey(item.place)]);
}

/** Where it stood, so that what waits behind it stays behind it. An id that was used for something else is given up. */
async function sendHeld(tx: StorageTransaction, deps: MutateDeps, item: QuarantineItem): Promise<void> {
  const entry = await readEntry(tx, deps.scope, item.place);
  if (!entry) return;
  const { reason: _, unreached, ...rest } = entry;
  const renamed = item.code === 'id_reused';
  const after: OutboxEntry = {
    ...rest,
    state: renamed || unreached ? 'unsent' : 'sent',
    ...(renamed ? { mutation: { ...entry.mutation, id: newId(deps) } } : {}),
  };
  await writeEntry(tx, deps.scope, after, entry);
}

/** Back to the end of the outbox, as it is, and out of sight until it is answered: what is visible may hold its effect already. */
async function putBack(tx: StorageTransaction, deps: MutateDeps, item: QuarantineItem): Promise<void> {
  const progress = await readProgress(tx, deps.scope);
  if (progress.ended) throw new ReplicaError('no_grant');
  progress.place += 1;
  const { mutation, priority, bytes } = item;
  const entry: OutboxEntry = {
    place: progress.place,
    mutation,
    state: 'sent',
    hidden: true,
    priority,
    bytes,
  };
  for (const key of keysOf(mutation)) {
    const { collection, id } = recordOfKey(key);
    await ensureShadow(tx, deps, key, await readStood(tx, deps, collection, id));
  }
  await appendEntry(tx, deps.scope, entry);
  countEntry(progress, undefined, entry);
  await tx.delete('quarantine', [deps.scope, placeKey(item.place)]);
  await recompute(tx, deps, new Set(keysOf(mutation)));
  await writeProgress(tx, deps.scope, progress);
}

function heldItem(entry: OutboxEntry): QuarantineItem {
  const { place, mutation, priority, bytes, reason } = entry;
  const said = reason ?? { code: 'unknown' };
  return {
    place,
    mutation,
    priority,
    bytes,
    ...said,
    at: mutation.made.wall,
    rejected: false,
    undecided: !entry.unreached,
    held: true,
  };
}

function asQuarantine(value: Json): QuarantineEntry {
  return value as unknown as QuarantineEntry;
}
