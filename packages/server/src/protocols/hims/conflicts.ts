// Conflicts of hims: those that wait for a person, and what becomes of one by a person's word.

import { type JsonObject, RequestError, type ResolutionAnswer, type StoredConflict } from '@holdfast/core';
import type { z } from 'zod';
import type { Caller } from '../../engine/engine.ts';
import type { MountDeps, MountedCollection } from '../mount.ts';
import { conflictNumbered, resolveByPerson, valueAnswer } from '../resolving.ts';
import { bodyIn } from './records.ts';
import { wireConflict } from './translate.ts';
import type { resolveMessage, WireConflict } from './wire.ts';

export type ConflictDeps = Pick<MountDeps, 'engine' | 'limits' | 'scope' | 'collections'>;

/** Read at once, while an answer is filled. */
const readMax = 100;

/** Open ones in the order of their ids, as many as one answer holds. */
export async function openConflicts(
  { engine, limits, scope, collections }: ConflictDeps,
  { device, after = 0 }: { device?: string; after?: number | undefined },
): Promise<{ conflicts: readonly WireConflict[]; more: boolean }> {
  const tables = tablesByCollection(collections);
  const told: WireConflict[] = [];
  let chars = 0;
  for (let last = after; ; ) {
    const query = { state: 'open' as const, ...(device === undefined ? {} : { device }), max: readMax };
    const found = await engine.inspect.conflicts(scope, { ...query, after: last });
    for (const conflict of found) {
      last = conflict.id;
      const table = tables.get(conflict.collection);
      if (!table) continue;
      const wire = wireConflict(table, conflict);
      chars += wire.device_payload.length + wire.server_payload.length;
      if (told.length > 0 && chars > limits.pageCharsMax) return { conflicts: told, more: true };
      told.push(wire);
    }
    if (found.length < readMax) return { conflicts: told, more: false };
  }
}

type Resolve = z.infer<typeof resolveMessage>;

/** Throws RequestError `not_found`, `conflict_settled`, or `malformed` for what cannot be written. */
export async function resolveConflict(
  deps: ConflictDeps,
  caller: Caller,
  { id, asked }: { id: string; asked: Resolve },
): Promise<WireConflict> {
  const { conflict, table } = await findConflict(deps, id);
  const answer = (current: JsonObject | null) => answerOf(table, asked, current);
  const word = { conflict, seenOpen: true as const, answer, field: 'mergedData' };
  const resolved = await resolveByPerson(deps, caller, word);
  const { resolution, resolvedBy } = asked;
  return wireConflict(table, resolved.conflict, { resolution, resolvedBy: resolvedBy ?? null });
}

async function findConflict(
  deps: ConflictDeps,
  text: string,
): Promise<{ conflict: StoredConflict; table: MountedCollection }> {
  const conflict = await conflictNumbered(deps, text);
  const table = conflict && tablesByCollection(deps.collections).get(conflict.collection);
  if (!table) throw new RequestError('not_found', { message: 'There is no such conflict.' });
  return { conflict, table };
}

function answerOf(
  table: MountedCollection,
  { resolution, mergedData }: Resolve,
  current: JsonObject | null,
): ResolutionAnswer {
  switch (resolution) {
    case 'keep_device':
      return { type: 'device' };
    case 'use_server':
      return { type: 'server' };
    case 'manual_merge':
      if (mergedData) return merged(table, mergedData as JsonObject, current);
      // Nothing is written; on what stands, its own body is no change, and is logged as a merge.
      return current ? { type: 'value', body: current, replaced: current } : { type: 'server' };
  }
}

/** The time is that of the resolution. */
function merged(
  table: MountedCollection,
  mergedData: JsonObject,
  current: JsonObject | null,
): ResolutionAnswer {
  if (mergedData.is_deleted) {
    const message = 'mergedData.is_deleted: a merge keeps the record; delete it by a push.';
    throw new RequestError('malformed', { field: 'mergedData.is_deleted', message });
  }
  const { [table.time]: _time, ...body } = bodyIn(table, mergedData);
  return valueAnswer(body, current);
}

function tablesByCollection(collections: MountDeps['collections']): Map<string, MountedCollection> {
  return new Map([...collections.values()].map((table) => [table.collection, table]));
}
