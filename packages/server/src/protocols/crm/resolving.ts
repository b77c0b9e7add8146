// Conflicts of crm by a person's word: an open one is settled, one that a strategy settled is settled again.

import { type JsonObject, RequestError, type ResolutionAnswer, type StoredConflict } from '@holdfast/core';
import type { z } from 'zod';
import type { Caller } from '../../engine/engine.ts';
import type { MountDeps, MountedCollection } from '../mount.ts';
import { resolveByPerson, valueAnswer } from '../resolving.ts';
import { bodyIn, seenOf, wireRecord } from './records.ts';
import { entityNamed } from './sync.ts';
import type { resolvedAnswer, resolveMessage } from './wire.ts';

export type ResolveDeps = Pick<MountDeps, 'engine' | 'scope' | 'collections'>;

type Resolve = z.infer<typeof resolveMessage>;

/** Throws RequestError `not_found`, or `malformed` for what cannot be written. */
export async function resolveConflict(
  deps: ResolveDeps,
  caller: Caller,
  asked: Resolve,
): Promise<z.infer<typeof resolvedAnswer>> {
  const entity = entityNamed(deps, asked.entityType, 'entityType');
  const conflict = await findConflict(deps, entity, asked);
  const answer = (current: JsonObject | null) => answerOf(entity, asked, current);
  const { record } = await resolveByPerson(deps, caller, { conflict, answer, field: 'resolvedData' });
  if (!record) throw new Error('A conflict is about a record.');
  const data = wireRecord(entity, seenOf(record));
  const { resolution } = asked;
  return { success: true, entityType: entity.wire, entityId: record.number, resolution, data };
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

/** The time is that of the resolution. */
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
  return valueAnswer(body, current);
}
