// Conflicts of hims: those that wait for a person, and what becomes of one by a person's word.

import {
  bodyOf,
  type JsonObject,
  RequestError,
  type ResolutionAnswer,
  type StoredConflict,
} from '@holdfast/core';
import type { z } from 'zod';
import type { Caller } from '../../engine/engine.ts';
import type { MountDeps, MountedCollection } from '../mount.ts';
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

/** Another write may come between reading the record and answering; so often. */
const triesMax = 10;

/** Throws RequestError `not_found`, `conflict_settled`, or `malformed` for what cannot be written. */
export async function resolveConflict(
  deps: ConflictDeps,
  caller: Caller,
  { id, asked }: { id: string; asked: Resolve },
): Promise<WireConflict> {
  const { conflict, table } = await findConflict(deps, id);
  const { engine, scope } = deps;
  for (let tries = 1; ; tries += 1) {
    const [record] = await engine.inspect.history(scope, conflict.collection, conflict.record, 1);
    const answer = answerOf(table, asked, record ? bodyOf(record) : null);
    const seen = { seenVersion: record?.seq ?? 0, seenOpen: true };
    try {
      const resolved = await engine.resolve(caller, scope, conflict.id, seen, answer);
      const { resolution, resolvedBy } = asked;
      return wireConflict(table, resolved.conflict, { resolution, resolvedBy: resolvedBy ?? null });
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      if (error.code !== 'conflict_changed' || tries === triesMax) throw inWireWords(error);
    }
  }
}

/** The engine names a place in its own change. */
function inWireWords(error: RequestError): RequestError {
  const { code, message } = error;
  const field = error.field?.replace(/^changes\[0\]\.(?:(?:body|set)\.)?/, 'mergedData.');
  return field === error.field ? error : new RequestError(code, { field, message, cause: error });
}

async function findConflict(
  { engine, scope, collections }: ConflictDeps,
  text: string,
): Promise<{ conflict: StoredConflict; table: MountedCollection }> {
  const id = /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined;
  const [conflict] = id ? await engine.inspect.conflicts(scope, { after: id - 1, max: 1 }) : [];
  const table = conflict && tablesByCollection(collections).get(conflict.collection);
  if (!conflict || conflict.id !== id || !table)
    throw new RequestError('not_found', { message: 'There is no such conflict.' });
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

/** As in a push, fields that are not named stay. The time is that of the resolution. */
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
  if (!current) return { type: 'value', body };
  const had = (field: string) => (Object.hasOwn(current, field) ? (current[field] ?? null) : null);
  const replaced = Object.fromEntries(Object.keys(body).map((field) => [field, had(field)]));
  return { type: 'value', body, replaced };
}

function tablesByCollection(collections: MountDeps['collections']): Map<string, MountedCollection> {
  return new Map([...collections.values()].map((table) => [table.collection, table]));
}
