// Makes the next exchange from what the storage says: the checkpoint to continue, and the batch that is due.

import {
  type ExchangeRequest,
  equalJson,
  type Json,
  type Limits,
  type Mutation,
  mergesMax,
  protocolMarker,
} from '@holdfast/core';
import { type CutOff, cutBatch } from './cut.ts';
import { type OutboxEntry, readEntry, writeEntry } from './outbox.ts';
import { readingFrom } from './pages.ts';
import { type Identity, type Progress, readIdentity, readProgress, writeProgress } from './progress.ts';
import { type QuarantineState, quarantineEntry, type Reason } from './quarantine-entry.ts';
import { recompute, type ScopeDeps } from './recompute.ts';
import { collectionsToRead, readOpenStage, type Stages } from './stages.ts';
import type { StorageTransaction } from './storage/port.ts';
import { holdEntry } from './verdicts.ts';

export interface PrepareDeps extends ScopeDeps {
  device: string;
  limits: Limits;
  stages: Stages;
}

export interface PrepareWish {
  push: boolean;
  /** Exchange even when there is nothing to send. */
  pull: boolean;
  priorityMin: number;
  mutationsMax: number;
  /** See CutBounds. */
  passOver: readonly number[];
}

/** A request without the clocks at sending, which are read when it is sent. */
export interface Prepared {
  request: Omit<ExchangeRequest, 'clock'>;
  /** Places of the entries that had never been sent before. */
  fresh: readonly number[];
  /** Places of all entries of the batch. */
  places: readonly number[];
  /** The batch has no room for all that this wish asks for. */
  unfilled?: PrepareWish;
}

/**
 * Undefined: there is nothing to do. A batch's number, and that its entries were sent, are written here, so the transaction
 * must be durable before the request leaves: a number may never be used twice, and nobody may believe later that an entry
 * cannot have reached the server.
 */
export async function prepareExchange(
  tx: StorageTransaction,
  deps: PrepareDeps,
  wish: PrepareWish,
): Promise<Prepared | undefined> {
  const identity = await mustHaveIdentity(tx);
  const progress = await readProgress(tx, deps.scope);
  const bounds = boundsOf(wish, deps.limits, progress.again > 0);
  const cut = wish.push && !progress.ended ? await cutBatch(tx, deps, bounds) : nothing;
  if (cut.entries.length === 0 && !wish.pull) return undefined;
  if (cut.entries.length > 0) await countBatch(tx, deps, { progress, entries: cut.entries });
  return exchangeOf(tx, deps, { identity, progress, wish, ...cut });
}

/**
 * The exchange behind one that is in flight, as it will be if that one's answer leaves it so (see exchanges.ts). Written as above.
 * Undefined: there is none.
 */
export async function prepareBehind(
  tx: StorageTransaction,
  deps: PrepareDeps,
  { wish, inFlight }: { wish: PrepareWish; inFlight: Prepared },
): Promise<Prepared | undefined> {
  const identity = await mustHaveIdentity(tx);
  const progress = await readProgress(tx, deps.scope);
  if (progress.ended || progress.again > 0) return undefined;
  const bounds = { ...boundsOf(wish, deps.limits, false), inFlight: inFlight.places };
  const cut = await cutBatch(tx, deps, bounds);
  if (cut.entries.length === 0) return undefined;
  await countBatch(tx, deps, { progress, entries: cut.entries });
  return exchangeOf(tx, deps, { identity, progress, wish, ...cut });
}

/** Whether the loop would make this exchange now, but for what its batch holds and for the verdicts that were stored since. */
export async function isStillDue(
  tx: StorageTransaction,
  deps: PrepareDeps,
  { request }: Prepared,
): Promise<boolean> {
  const identity = await mustHaveIdentity(tx);
  const progress = await readProgress(tx, deps.scope);
  if (progress.ended || progress.again > 0) return false;
  const { request: due } = await exchangeOf(tx, deps, { identity, progress, entries: [] });
  const { batch: _, ...rest } = request;
  const { verdictsSeen } = due;
  return equalJson({ ...rest, verdictsSeen } as unknown as Json, due as unknown as Json);
}

/** Takes back a batch that never left, and its number, if no other was given since. */
export async function giveBackBatch(
  tx: StorageTransaction,
  deps: PrepareDeps,
  prepared: Prepared,
): Promise<void> {
  await takeBackFresh(tx, deps, prepared);
  const progress = await readProgress(tx, deps.scope);
  if (progress.batch !== prepared.request.batch?.n) return;
  progress.batch -= 1;
  await writeProgress(tx, deps.scope, progress);
}

const nothing: CutOff = { entries: [], full: false };

async function countBatch(
  tx: StorageTransaction,
  deps: PrepareDeps,
  { progress, entries }: { progress: Progress; entries: readonly OutboxEntry[] },
): Promise<void> {
  progress.batch += 1;
  await writeProgress(tx, deps.scope, progress);
  for (const entry of entries)
    if (entry.state === 'unsent') await writeEntry(tx, deps.scope, { ...entry, state: 'sent' }, entry);
}

/**
 * The exchange of a mutation that is just being made, in an outbox where nothing else waits. The caller writes the progress, in which
 * the batch is counted here, and the entry as sent, in this transaction, which must be durable as above.
 */
export async function prepareFirst(
  tx: StorageTransaction,
  deps: PrepareDeps,
  { progress, entry }: { progress: Progress; entry: OutboxEntry },
): Promise<Prepared> {
  const identity = await mustHaveIdentity(tx);
  progress.batch += 1;
  return exchangeOf(tx, deps, { identity, progress, entries: [entry] });
}

async function mustHaveIdentity(tx: StorageTransaction): Promise<Identity> {
  const identity = await readIdentity(tx);
  if (!identity) throw new TypeError('The replica has no id: it was not opened.');
  return identity;
}

/** `entries` are the batch that the progress counts last; none: there is no batch. */
async function exchangeOf(
  tx: StorageTransaction,
  deps: PrepareDeps,
  of: {
    identity: Identity;
    progress: Progress;
    entries: readonly OutboxEntry[];
    full?: boolean;
    wish?: PrepareWish;
  },
): Promise<Prepared> {
  const { identity, progress, entries, full, wish } = of;
  const mutations = entries.map((entry): Mutation => entry.mutation);
  const open = progress.opened ? undefined : await readOpenStage(tx, deps.scope);
  const collections = collectionsToRead(progress, open, deps);
  return {
    request: {
      protocol: protocolMarker,
      device: deps.device,
      replica: identity.id,
      ...(progress.former.length > 0 ? { former: [...progress.former] } : {}),
      scope: deps.scope,
      checkpoint: readingFrom(progress),
      schema: deps.schema.version,
      verdictsSeen: progress.verdictsSeen,
      seqSeen: progress.seqSeen,
      limit: deps.limits.pageRecordsDefault,
      merges: mergesMax,
      ...(collections ? { collections: [...collections] } : {}),
      ...(mutations.length > 0 ? { batch: { n: progress.batch, mutations } } : {}),
    },
    fresh: entries.filter((entry) => entry.state === 'unsent').map((entry) => entry.place),
    places: entries.map((entry) => entry.place),
    ...(full && wish ? { unfilled: wish } : {}),
  };
}

/** What becomes of the entries of a batch that the server refused as a whole. */
export interface RefusedBatch {
  prepared: Prepared;
  /** For a batch of one: it is too large and goes to the quarantine, or is malformed and is held. */
  single?: { as: 'quarantine' | 'hold'; reason: Reason };
  wallMs: number;
}

/** Nothing of a refused exchange was applied, so entries sent for the first time in it count as unsent again. */
export async function takeBackBatch(
  tx: StorageTransaction,
  deps: ScopeDeps,
  refused: RefusedBatch,
): Promise<void> {
  const { prepared, single } = refused;
  await takeBackFresh(tx, deps, prepared);
  const [place] = prepared.places;
  if (!single || place === undefined || prepared.places.length !== 1) return;
  const entry = await readEntry(tx, deps.scope, place);
  if (!entry || !isOpen(entry)) return;
  const state: QuarantineState = {
    progress: await readProgress(tx, deps.scope),
    dirty: new Set(),
    wallMs: refused.wallMs,
  };
  if (single.as === 'hold') await holdEntry(tx, deps, { entry, reason: single.reason }, state);
  else await quarantineEntry(tx, deps, { entry, reason: single.reason, rejected: false }, state);
  await recompute(tx, deps, state.dirty);
  await writeProgress(tx, deps.scope, state.progress);
}

async function takeBackFresh(
  tx: StorageTransaction,
  deps: ScopeDeps,
  { fresh }: Pick<Prepared, 'fresh'>,
): Promise<void> {
  for (const place of fresh) {
    const entry = await readEntry(tx, deps.scope, place);
    if (entry?.state === 'sent') await writeEntry(tx, deps.scope, { ...entry, state: 'unsent' }, entry);
  }
}

/** Room that the envelope of an exchange takes besides its mutations. */
export const envelopeBytes = 8_192;

function isOpen(entry: OutboxEntry): boolean {
  return entry.state === 'unsent' || entry.state === 'sent';
}

function boundsOf(wish: PrepareWish, limits: Limits, again: boolean): Parameters<typeof cutBatch>[2] {
  return {
    // Until every entry that was sent under a former id is answered, nothing new becomes visible: they all go at once.
    priorityMin: again ? 1 : wish.priorityMin,
    mutationsMax: Math.min(wish.mutationsMax, limits.batchMutationsMax),
    bytesMax: limits.bodyBytesMax - envelopeBytes,
    passOver: wish.passOver,
    again,
  };
}
