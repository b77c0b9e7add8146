// Why the sync of a scope was stopped. It is kept until the server takes an exchange again: whoever opens the replica in the
// meantime is told, although no exchange of the new process has failed yet.

import type { Json } from '@holdfast/core';
import type { Blocked } from './refusal.ts';
import type { StorageTransaction } from './storage/port.ts';

export async function readStop(tx: StorageTransaction, scope: string): Promise<Blocked | undefined> {
  return (await tx.get('scopes', [scope, stopName])) as unknown as Blocked | undefined;
}

export async function writeStop(tx: StorageTransaction, scope: string, reason: Blocked): Promise<void> {
  await tx.put('scopes', [scope, stopName], reason as unknown as Json);
}

/** The server took an exchange: what stopped the sync is mended. */
export async function clearStop(tx: StorageTransaction, scope: string): Promise<void> {
  if (await readStop(tx, scope)) await tx.delete('scopes', [scope, stopName]);
}

const stopName = 'stop';
