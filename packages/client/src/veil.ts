// The veil over a scope that was taken away and given again: what waited in its outbox stays out of sight until the scope has been
// read afresh. On top of nothing, a mutation that moves something from one record to another would be seen in halves.

import { placeKey } from './index-key.ts';
import type { StorageKey, StorageTransaction } from './storage/port.ts';

/** Draws it over the entries up to this place. */
export async function drawVeil(tx: StorageTransaction, scope: string, place: number): Promise<void> {
  await tx.put('scopes', [scope, veilName], place);
}

/** The place up to which entries are out of sight. */
export async function readVeil(tx: StorageTransaction, scope: string): Promise<string | undefined> {
  const place = await tx.get('scopes', [scope, veilName]);
  return typeof place === 'number' ? placeKey(place) : undefined;
}

/** Notes in `dirty` the records that the outbox touches: their view must be folded afresh. */
export async function liftVeil(tx: StorageTransaction, scope: string, dirty: Set<string>): Promise<void> {
  if ((await readVeil(tx, scope)) === undefined) return;
  await tx.delete('scopes', [scope, veilName]);
  for (const record of await touchedRecords(tx, scope)) dirty.add(record);
}

/** The keys of all records that the outbox of a scope touches. */
export async function touchedRecords(tx: StorageTransaction, scope: string): Promise<Set<string>> {
  const records = new Set<string>();
  let after: StorageKey | undefined;
  for (;;) {
    const found = await tx.scan('touches', { prefix: [scope], limit: chunk, ...(after ? { after } : {}) });
    for (const { key } of found) records.add(key[1] ?? '');
    after = found.at(-1)?.key;
    if (found.length < chunk) return records;
  }
}

const veilName = 'veil';
const chunk = 500;
