// A first sync that opens by stages: the records of some collections are read first, and are visible while the others are on their way.
//
//   stages [[a], [b]], and c:   run of a ──▶ a is open ──▶ run of a, b ──▶ a, b are open ──▶ run of all ──▶ all is open
//
// Each run begins at the beginning and holds again what is open, so what is open is of one moment: a mutation is visible whole in
// all of it. The scope's own checkpoint begins with the last run, which is the same as that of a first sync without stages.

import { collectionsMax, type Json, type Schema } from '@holdfast/core';
import { unknownCollection } from './errors.ts';
import { placeKey } from './index-key.ts';
import { isSettled, keysOf, type OutboxEntry, recordOfKey } from './outbox.ts';
import type { Progress } from './progress.ts';
import type { StorageTransaction } from './storage/port.ts';

/** What is open while the last run is not visible yet. */
export interface OpenStage {
  collections: readonly string[];
  /** The scope's seq that it shows. */
  seq: number;
}

export type Stages = readonly (readonly string[])[];

/** Throws a ReplicaError on a collection that there is not, and a RangeError on more of them than a request may name. */
export function assertStages({ collections }: Schema, stages: Stages): void {
  const names = new Set(stages.flat());
  for (const name of names) if (!collections.has(name)) throw unknownCollection(name);
  if (names.size > collectionsMax)
    throw new RangeError(`The stages name at most ${collectionsMax} collections.`);
}

export async function readOpenStage(tx: StorageTransaction, scope: string): Promise<OpenStage | undefined> {
  return (await tx.get('scopes', [scope, stageName])) as unknown as OpenStage | undefined;
}

export async function writeOpenStage(tx: StorageTransaction, scope: string, stage: OpenStage): Promise<void> {
  await tx.put('scopes', [scope, stageName], stage as unknown as Json);
}

/** All is open, or nothing any more. */
export async function clearOpenStage(tx: StorageTransaction, scope: string): Promise<void> {
  await tx.delete('scopes', [scope, stageName]);
}

/** The collections that the next page is asked for; undefined: all. A run goes on as it was begun, whatever the options say now. */
export function collectionsToRead(
  { staged, checkpoint }: Progress,
  open: OpenStage | undefined,
  { schema, stages }: { schema: Schema; stages: Stages },
): readonly string[] | undefined {
  if (staged) return staged.collections;
  return checkpoint === null ? nextStage(schema, stages, open) : undefined;
}

/** Whether all that an entry touches is open. */
export function isAllOpen(open: OpenStage | undefined, { mutation }: OutboxEntry): boolean {
  return open !== undefined && keysOf(mutation).every((key) => isOpen(open, key));
}

export function isOpen({ collections }: OpenStage, key: string): boolean {
  return collections.includes(recordOfKey(key).collection);
}

/**
 * Whether what an entry writes to a record is to be shown on top of its server's state. Not, when that holds it already; nor under
 * the veil, until all that the entry touches is open.
 */
export function isOnTop(
  entry: OutboxEntry,
  key: string,
  { open, veil }: { open: OpenStage | undefined; veil: string | undefined },
): boolean {
  if (open && isSettled(entry) && isOpen(open, key) && (entry.asOf ?? 0) <= open.seq) return false;
  return veil === undefined || placeKey(entry.place) > veil || isAllOpen(open, entry);
}

function nextStage(
  { collections }: Schema,
  stages: Stages,
  open: OpenStage | undefined,
): readonly string[] | undefined {
  // What is open stays open, whatever the options say now.
  const named = new Set(open?.collections);
  for (const stage of stages) {
    for (const name of stage) named.add(name);
    if (named.size >= collections.size || named.size > collectionsMax) return undefined;
    if ([...named].some((name) => !open?.collections.includes(name))) return [...named];
  }
  return undefined;
}

const stageName = 'stage';
