// A replica takes a new id when the server knows its present one from somebody else: its storage was cloned or restored.

import { type ExchangeRequest, formerMax, type Random, type VerdictEntry } from '@holdfast/core';
import {
  countEntry,
  findEntries,
  isSettled,
  keysOf,
  listEntries,
  type OutboxEntry,
  writeEntry,
} from './outbox.ts';
import {
  type Identity,
  knownScopes,
  readIdentity,
  readProgress,
  writeIdentity,
  writeProgress,
} from './progress.ts';
import type { StorageTransaction } from './storage/port.ts';

/** 128 random bits as 32 hex digits. */
export function randomId(random: Random): string {
  return Array.from(random.bytes(16), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export interface StaleBatch {
  replica: string;
  scope: string;
  /** The number that the server refused; Infinity when no number would do. */
  n: number;
}

/**
 * Reads the storage again; where somebody else advanced it since (another tab), all is well. Else the replica takes a new id,
 * keeps the old one among its former ones, and everything that is not settled is sent again under its own mutation ids, in
 * every scope: the verdict log of the old id is no longer only its own.
 */
export async function renewIfBehind(
  tx: StorageTransaction,
  random: Random,
  stale: StaleBatch,
): Promise<'advanced' | 'renewed'> {
  const identity = await readIdentity(tx);
  if (identity?.id !== stale.replica) return 'advanced';
  if ((await readProgress(tx, stale.scope)).batch > stale.n) return 'advanced';
  await renew(tx, random, identity);
  return 'renewed';
}

/**
 * Whether the log holds a new commit of a mutation that this replica does not have, or tells that one waits: a mutation stays in
 * the outbox until its verdict comes. Somebody else sent it under the same id, so the storage was copied, or set back. (Or the user dropped it in
 * the meantime; then a new id costs no more than to ask again.)
 */
export async function isCopied(
  tx: StorageTransaction,
  request: ExchangeRequest,
  verdicts: readonly VerdictEntry[],
): Promise<boolean> {
  if (verdicts.length === 0) return false;
  const { verdictsSeen, seqSeen } = await readProgress(tx, request.scope);
  const sent = new Set(request.batch?.mutations.map(({ id }) => id));
  const unsent = verdicts
    .filter(({ n, seq = 0, verdict, mutation }) => {
      const isNews = seq > seqSeen || verdict === 'waiting';
      return n > verdictsSeen && isNews && !sent.has(mutation);
    })
    .map(({ mutation }) => mutation);
  const known = await findEntries(tx, request.scope, unsent);
  return unsent.some((mutation) => !known.has(mutation));
}

export async function renew(tx: StorageTransaction, random: Random, { id }: Identity): Promise<void> {
  await writeIdentity(tx, { id: randomId(random) });
  for (const scope of await knownScopes(tx)) await sendAllAgain(tx, scope, id);
}

const chunk = 500;

/**
 * Also what looks unsent here: another life of the storage may have sent it, and no page may show its effect beside it.
 * What stands behind a held entry stays there until a person settles that one, and so is not waited for.
 */
async function sendAllAgain(tx: StorageTransaction, scope: string, id: string): Promise<void> {
  const progress = await readProgress(tx, scope);
  progress.former = [{ id, seqSeen: progress.seqSeen }, ...progress.former].slice(0, formerMax);
  progress.batch = 0;
  progress.verdictsSeen = 0;
  progress.seqSeen = 0;
  const behindHeld = new Set<string>();
  let after: number | undefined;
  for (;;) {
    const entries = await listEntries(tx, scope, {
      limit: chunk,
      wanted: (entry) => !isSettled(entry),
      ...(after === undefined ? {} : { after }),
    });
    for (const entry of entries) {
      const renewed = renewedEntry(entry, behindHeld);
      await writeEntry(tx, scope, renewed, entry);
      countEntry(progress, entry, renewed);
    }
    after = entries.at(-1)?.place;
    if (entries.length < chunk) break;
  }
  await writeProgress(tx, scope, progress);
}

/** Of no entry is it certain any more that it did not reach the server. Notes in `behindHeld` what can send nothing. */
function renewedEntry({ unreached: _, ...entry }: OutboxEntry, behindHeld: Set<string>): OutboxEntry {
  const keys = keysOf(entry.mutation);
  if (entry.state === 'waiting' || entry.state === 'conflict') {
    for (const key of keys) behindHeld.delete(key);
    return { ...entry, again: true };
  }
  if (entry.state === 'held' || keys.some((key) => behindHeld.has(key))) {
    for (const key of keys) behindHeld.add(key);
    return entry.state === 'held' ? entry : { ...entry, state: 'sent' };
  }
  return { ...entry, state: 'sent', again: true };
}
