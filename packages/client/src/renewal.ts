// A replica takes a new id when the server knows its present one from somebody else: its storage was cloned or restored.

import type { Random } from '@holdfast/core';
import {
  countEntry,
  type OutboxEntry,
  type OutboxList,
  placesIn,
  readEntries,
  writeEntry,
} from './outbox.ts';
import { knownScopes, readIdentity, readProgress, writeIdentity, writeProgress } from './progress.ts';
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
 * keeps the old one among its former ones, and everything that was ever sent and is not settled is sent again under its
 * own mutation ids, in every scope: the verdict log of the old id is no longer only its own.
 */
export async function renewIfBehind(
  tx: StorageTransaction,
  random: Random,
  stale: StaleBatch,
): Promise<'advanced' | 'renewed'> {
  const identity = await readIdentity(tx);
  if (identity?.id !== stale.replica) return 'advanced';
  if ((await readProgress(tx, stale.scope)).batch > stale.n) return 'advanced';
  await writeIdentity(tx, {
    id: randomId(random),
    former: [identity.id, ...identity.former].slice(0, formerMax),
  });
  for (const scope of await knownScopes(tx)) await sendAllAgain(tx, scope);
  return 'renewed';
}

/** What a request may name (exchangeMessage). */
const formerMax = 16;
const chunk = 500;

async function sendAllAgain(tx: StorageTransaction, scope: string): Promise<void> {
  const progress = await readProgress(tx, scope);
  progress.verdictsSeen = 0;
  const sent: OutboxEntry[] = [];
  const lists: OutboxList[] = [
    ...Array.from({ length: 10 }, (_, at): OutboxList => `send${at}`),
    'waiting',
    'conflict',
  ];
  for (const list of lists) {
    let after: string | undefined;
    for (;;) {
      const places = await placesIn(tx, scope, list, {
        limit: chunk,
        ...(after === undefined ? {} : { after }),
      });
      for (const entry of await readEntries(tx, scope, places))
        if (entry.state !== 'unsent' && !entry.again) sent.push(entry);
      after = places.at(-1);
      if (places.length < chunk) break;
    }
  }
  for (const entry of sent) {
    const after: OutboxEntry = { ...entry, again: true };
    await writeEntry(tx, scope, after, entry);
    countEntry(progress, entry, after);
  }
  await writeProgress(tx, scope, progress);
}
