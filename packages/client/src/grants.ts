// What the server's list of grants does to the scopes on this device. A grant ends only by that list in a marked 200.

import type { Grants } from '@holdfast/core';
import { type OutboxEntry, placesIn, readEntries, recordOfKey } from './outbox.ts';
import { knownScopes, type Progress, readProgress, writeProgress } from './progress.ts';
import { type QuarantineState, quarantineEntry } from './quarantine-entry.ts';
import { recompute, type ScopeDeps } from './recompute.ts';
import { clearOpenStage } from './stages.ts';
import type { StorageTransaction } from './storage/port.ts';
import { drawVeil, touchedRecords } from './veil.ts';

/**
 * Ends the scopes that the list does not name and opens again those that it names anew. `own` is the scope of the exchange,
 * whose progress the caller holds and writes.
 */
export async function takeGrants(
  tx: StorageTransaction,
  deps: ScopeDeps,
  grants: Grants,
  own: QuarantineState,
): Promise<void> {
  const named = grants === 'all' ? undefined : new Set(grants.map(({ scope }) => scope));
  for (const scope of new Set([deps.scope, ...(await knownScopes(tx))])) {
    const granted = named === undefined || named.has(scope);
    const progress = scope === deps.scope ? own.progress : await readProgress(tx, scope);
    if (granted === !progress.ended) continue;
    const state = scope === deps.scope ? own : { progress, dirty: new Set<string>(), wallMs: own.wallMs };
    if (granted) await reopenScope(tx, { ...deps, scope }, progress);
    else await endScope(tx, { ...deps, scope }, state);
    if (scope === deps.scope) continue;
    await recompute(tx, { ...deps, scope }, state.dirty);
    await writeProgress(tx, scope, progress);
  }
}

/**
 * Removes what the device may not see any more. Work that the server never got goes to the quarantine; what may have
 * reached it stays in the outbox, out of sight, until the server answers it.
 */
async function endScope(tx: StorageTransaction, deps: ScopeDeps, state: QuarantineState): Promise<void> {
  const { progress } = state;
  // Latest first: none then takes others along as its dependents, for a reason that is not theirs.
  for (const entry of (await unsentEntries(tx, deps.scope)).reverse()) {
    const moved = {
      entry,
      reason: { code: 'no_grant', message: 'The grant to this scope has ended.' },
      rejected: false,
    };
    await quarantineEntry(tx, deps, moved, state);
  }
  for (const table of ['records', 'indexes', 'tombstones', 'staged', 'shadows'] as const)
    await tx.deleteAll(table, [deps.scope]);
  await clearOpenStage(tx, deps.scope);
  forgetPages(progress);
  progress.ended = true;
}

/** The scope is read afresh from nothing; then what waits in the outbox is visible again. */
async function reopenScope(tx: StorageTransaction, deps: ScopeDeps, progress: Progress): Promise<void> {
  forgetPages(progress);
  progress.ended = false;
  await drawVeil(tx, deps.scope, progress.place);
  for (const record of await touchedRecords(tx, deps.scope)) {
    const { collection, id } = recordOfKey(record);
    await tx.put('shadows', [deps.scope, collection, id], { version: 0, body: null });
  }
}

function forgetPages(progress: Progress): void {
  progress.checkpoint = null;
  progress.staged = null;
  progress.seq = 0;
  progress.head = 0;
  progress.opened = false;
}

async function unsentEntries(tx: StorageTransaction, scope: string): Promise<OutboxEntry[]> {
  const unsent: OutboxEntry[] = [];
  for (let priority = 10; priority >= 1; priority -= 1) {
    let after: string | undefined;
    for (;;) {
      const places = await placesIn(tx, scope, `send${10 - priority}`, {
        limit: chunk,
        ...(after === undefined ? {} : { after }),
      });
      for (const entry of await readEntries(tx, scope, places))
        if (entry.state === 'unsent') unsent.push(entry);
      after = places.at(-1);
      if (places.length < chunk) break;
    }
  }
  return unsent.sort((a, b) => a.place - b.place);
}

const chunk = 500;
