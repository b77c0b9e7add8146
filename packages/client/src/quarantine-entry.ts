// What lies in the quarantine: a mutation that was not taken, with its reason, until a person settles it.

import type { Json, Mutation } from '@holdfast/core';
import { createdKeys, dependentsOn, hideEntry } from './dependents.ts';
import { placeKey } from './index-key.ts';
import { countEntry, type OutboxEntry, removeEntry } from './outbox.ts';
import type { Progress } from './progress.ts';
import type { ScopeDeps } from './recompute.ts';
import type { StorageTransaction } from './storage/port.ts';

export interface Reason {
  code: string;
  field?: string;
  message?: string;
  help?: string;
}

export interface QuarantineEntry extends Reason {
  /** Names it in this list; also its order in time. */
  place: number;
  mutation: Mutation;
  /** As in the outbox. */
  priority: number;
  bytes: number;
  /** The wall clock of this device when it came here, in milliseconds since 1970. */
  at: number;
  /** The server said that it does not take it. */
  rejected: boolean;
  /** It may have reached the server without an answer; then it can only be sent again as it is. */
  undecided: boolean;
  /** The mutation id that it depends on, which was not taken. */
  dependsOn?: string;
}

export interface QuarantineState {
  progress: Progress;
  dirty: Set<string>;
  /** The wall clock in milliseconds since 1970. */
  wallMs: number;
}

/**
 * Moves an outbox entry to the quarantine, and with it those unsent later entries that build on records which only it
 * would have created: the server could but reject them, one by one. What the server may have taken goes out of sight.
 */
export async function quarantineEntry(
  tx: StorageTransaction,
  deps: ScopeDeps,
  moved: { entry: OutboxEntry; reason: Reason; rejected: boolean; dependsOn?: string },
  state: QuarantineState,
): Promise<void> {
  const waiting = [moved];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { entry } = next;
    const created = await createdKeys(tx, deps, entry);
    for (const key of await removeEntry(tx, deps.scope, entry)) state.dirty.add(key);
    countEntry(state.progress, entry, undefined);
    await putQuarantine(tx, deps.scope, {
      place: entry.place,
      mutation: entry.mutation,
      priority: entry.priority,
      bytes: entry.bytes,
      ...next.reason,
      at: state.wallMs,
      rejected: next.rejected,
      undecided: !next.rejected && entry.state !== 'unsent' && !entry.unreached,
      ...(next.dependsOn === undefined ? {} : { dependsOn: next.dependsOn }),
    });
    for (const dependent of await dependentsOn(tx, deps, created, entry.place)) {
      if (waiting.some(({ entry: other }) => other.place === dependent.place)) continue;
      if (dependent.state !== 'unsent') {
        await hideEntry(tx, deps, dependent, state.dirty);
        continue;
      }
      const reason = {
        code: 'record_missing',
        message: `It builds on mutation ${entry.mutation.id}, which was not taken.`,
      };
      waiting.push({ entry: dependent, reason, rejected: false, dependsOn: entry.mutation.id });
    }
  }
}

export async function putQuarantine(
  tx: StorageTransaction,
  scope: string,
  entry: QuarantineEntry,
): Promise<void> {
  await tx.put('quarantine', [scope, placeKey(entry.place)], entry as unknown as Json);
}
