// Conflicts of crm by a person's word: an open one is settled, one that a strategy settled is settled again.

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
import { bodyIn, seenOf, wireRecord } from './records.ts';
import { entityNamed } from './sync.ts';
import type { resolvedAnswer, resolveMessage } from './wire.ts';

export type ResolveDeps = Pick<MountDeps, 'engine' | 'scope' | 'collections'>;

type Resolve = z.infer<typeof resolveMessage>;

/** Another write may come between reading the record and answering; so often. */
const triesMax = 10;

/** Throws RequestError `not_found`, or `malformed` for what cannot be written. */
export async function resolveConflict(
  deps: ResolveDeps,
  caller: Caller,
  asked: Resolve,
): Promise<z.infer<typeof resolvedAnswer>> {
  const { engine, scope } = deps;
  const entity = entityNamed(deps, asked.entityType, 'entityType');
  const conflict = await findConflict(deps, entity, asked);
  for (let tries = 1; ; tries += 1) {
    const [record] = await engine.inspect.history(scope, conflict.collection, conflict.record, 1);
    const answer = answerOf(entity, asked, record ? bodyOf(record) : null);
    const seen = { seenVersion: record?.seq ?? 0 };
    try {
      const resolved = await engine.resolve(caller, scope, conflict.id, seen, answer);
      if (!resolved.record) throw new Error('A conflict is about a record.');
      const { number: entityId } = resolved.record;
      const data = wireRecord(entity, seenOf(resolved.record));
      return { success: true, entityType: entity.wire, entityId, resolution: asked.resolution, data };
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      if (error.code !== 'conflict_changed' || tries === triesMax) throw inWireWords(error);
    }
  }
}

/** The engine names a place in its own change. */
function inWireWords(error: RequestError): RequestError {
  const { code, message } = error;
  const field = error.field?.replace(/^changes\[0\]\.(?:(?:body|set)\.)?/, 'resolvedData.');
  return field === error.field ? error : new RequestError(code, { field, message, cause: error });
}

/** The one that is named or, where a record is, the latest about that. */
async function findConflict(
  { engine, scope }: ResolveDeps,
  { collection }: MountedCollection,
  { conflictId, uniqueId, entityId }: Resolve,
): Promise<StoredConflict> {
  const named = conflictId ?? undefined;
  const id = named === undefined ? await recordNamed() : undefined;
  const query =
    named === undefined ? { record: { collection, id: id ?? '' }, newestFirst: true } : { ids: [named] };
  const [conflict] = await engine.inspect.conflicts(scope, { ...query, max: 1 });
  if (conflict?.collection === collection) return conflict;
  throw new RequestError('not_found', { message: 'There is no such conflict.' });

  async function recordNamed(): Promise<string | undefined> {
    if (uniqueId !== undefined && uniqueId !== null) return uniqueId;
    if (entityId !== undefined && entityId !== null)
      return (await engine.inspect.numbered(scope, entityId))?.id;
    const message = 'conflictId: Name the conflict, or its record by uniqueId or entityId.';
    throw new RequestError('malformed', { field: 'conflictId', message });
  }
}

function answerOf(
  entity: MountedCollection,
  { resolution, resolvedData }: Resolve,
  current: JsonObject | null,
): ResolutionAnswer {
  switch (resolution) {
    case 'server_wins':
      return { type: 'server' };
    case 'client_wins':
      return { type: 'device' };
    case 'merge':
      if (resolvedData) return mergedAnswer(entity, resolvedData as JsonObject, current);
      throw new RequestError('malformed', {
        field: 'resolvedData',
        message: 'resolvedData: A merge needs the fields that it writes.',
      });
  }
}

/** As in a push, fields that are not named stay. The time is that of the resolution. */
function mergedAnswer(
  entity: MountedCollection,
  resolvedData: JsonObject,
  current: JsonObject | null,
): ResolutionAnswer {
  if (resolvedData.deleted) {
    const message = 'resolvedData.deleted: A merge keeps the record; delete it by a push.';
    throw new RequestError('malformed', { field: 'resolvedData.deleted', message });
  }
  const { [entity.time]: _time, ...body } = bodyIn(entity, resolvedData);
  if (!current) return { type: 'value', body };
  const had = (field: string) => (Object.hasOwn(current, field) ? (current[field] ?? null) : null);
  const replaced = Object.fromEntries(Object.keys(body).map((field) => [field, had(field)]));
  return { type: 'value', body, replaced };
}
