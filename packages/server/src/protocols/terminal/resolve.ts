// What becomes of an open conflict by a person's word.

import { type JsonObject, RequestError, type StoredConflict } from '@holdfast/core';
import type { z } from 'zod';
import type { Caller } from '../../engine/engine.ts';
import type { MountDeps } from '../mount.ts';
import { conflictNumbered, resolveByPerson } from '../resolving.ts';
import type { resolveAnswer } from './answers.ts';
import type { Entities } from './entities.ts';
import { answerOf, dataOf, versionOf } from './translate.ts';
import type { resolveMessage } from './wire.ts';

export type ResolveDeps = Pick<MountDeps, 'engine' | 'scope'> & { entities: Entities };

/** Throws RequestError `not_found`, `conflict_settled`, or `malformed` for what cannot be written. */
export async function resolveConflict(
  deps: ResolveDeps,
  caller: Caller,
  asked: z.infer<typeof resolveMessage>,
): Promise<z.infer<typeof resolveAnswer>> {
  const { resolution, resolvedData } = asked;
  if (resolution === 'MANUAL_MERGE' && !resolvedData) {
    const message = 'resolvedData: It is missing.';
    throw new RequestError('malformed', { field: 'resolvedData', message });
  }
  const conflict = await findConflict(deps, String(asked.conflictId));
  const answer = (current: JsonObject | null) =>
    answerOf(resolution, (resolvedData ?? {}) as JsonObject, current);
  const word = { conflict, seenOpen: true as const, answer, field: 'resolvedData' };
  const { record } = await resolveByPerson(deps, caller, word);
  return {
    success: true,
    conflictId: String(conflict.id),
    resolution,
    data: record ? dataOf(record) : null,
    syncVersion: record ? versionOf(record) : 1,
  };
}

async function findConflict(deps: ResolveDeps, text: string): Promise<StoredConflict> {
  const conflict = await conflictNumbered(deps, text);
  if (conflict && deps.entities.type(conflict.collection) !== undefined) return conflict;
  throw new RequestError('not_found', { message: 'There is no such conflict.' });
}
