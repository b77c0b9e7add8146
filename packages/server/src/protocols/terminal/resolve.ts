// What becomes of an open conflict by a person's word.

import { bodyOf, type JsonObject, RequestError, type StoredConflict } from '@holdfast/core';
import type { z } from 'zod';
import type { Caller } from '../../engine/engine.ts';
import type { MountDeps } from '../mount.ts';
import type { resolveAnswer } from './answers.ts';
import type { Entities } from './entities.ts';
import { answerOf, dataOf, versionOf } from './translate.ts';
import type { resolveMessage } from './wire.ts';

export type ResolveDeps = Pick<MountDeps, 'engine' | 'scope'> & { entities: Entities };

/** Another write may come between reading the record and answering; so often. */
const triesMax = 10;

/** Throws RequestError `not_found`, `conflict_settled`, or `malformed` for what cannot be written. */
export async function resolveConflict(
  deps: ResolveDeps,
  caller: Caller,
  asked: z.infer<typeof resolveMessage>,
): Promise<z.infer<typeof resolveAnswer>> {
  const { engine, scope } = deps;
  const { resolution, resolvedData } = asked;
  if (resolution === 'MANUAL_MERGE' && !resolvedData) {
    const message = 'resolvedData: It is missing.';
    throw new RequestError('malformed', { field: 'resolvedData', message });
  }
  const conflict = await findConflict(deps, String(asked.conflictId));
  for (let tries = 1; ; tries += 1) {
    const [before] = await engine.inspect.history(scope, conflict.collection, conflict.record, 1);
    const answer = answerOf(resolution, (resolvedData ?? {}) as JsonObject, before ? bodyOf(before) : null);
    const seen = { seenVersion: before?.seq ?? 0, seenOpen: true };
    try {
      const { record } = await engine.resolve(caller, scope, conflict.id, seen, answer);
      return {
        success: true,
        conflictId: String(conflict.id),
        resolution,
        data: record ? dataOf(record) : null,
        syncVersion: record ? versionOf(record) : 1,
      };
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      if (error.code !== 'conflict_changed' || tries === triesMax) throw inWireWords(error);
    }
  }
}

async function findConflict({ engine, scope, entities }: ResolveDeps, text: string): Promise<StoredConflict> {
  const id = /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined;
  const [conflict] = id ? await engine.inspect.conflicts(scope, { after: id - 1, max: 1 }) : [];
  if (conflict && conflict.id === id && entities.type(conflict.collection) !== undefined) return conflict;
  throw new RequestError('not_found', { message: 'There is no such conflict.' });
}

/** The engine names a place in its own change. */
function inWireWords(error: RequestError): RequestError {
  const { code, message } = error;
  const field = error.field?.replace(/^changes\[0\]\.(?:(?:body|set)\.)?/, 'resolvedData.');
  return field === error.field ? error : new RequestError(code, { field, message, cause: error });
}
