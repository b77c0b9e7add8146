// What the user dropped, by their own word: the last hundred of a scope, with the reason that they gave.

import type { Json } from '@holdfast/core';
import type { StorageTransaction } from './storage/port.ts';

export interface Discard {
  mutation: string;
  /** The code that had kept it from being applied. */
  code: string;
  /** The user's. */
  reason: string;
  /** The wall clock in milliseconds since 1970. */
  at: number;
}

export async function readDiscards(tx: StorageTransaction, scope: string): Promise<readonly Discard[]> {
  return ((await tx.get('scopes', [scope, discardsName])) ?? []) as unknown as readonly Discard[];
}

export async function logDiscard(tx: StorageTransaction, scope: string, discard: Discard): Promise<void> {
  const kept = [...(await readDiscards(tx, scope)), discard].slice(-discardsMax);
  await tx.put('scopes', [scope, discardsName], kept as unknown as Json);
}

const discardsName = 'discards';
const discardsMax = 100;
