// A person's word about a conflict, on its way from any protocol to the engine.

import {
  bodyOf,
  type JsonObject,
  RequestError,
  type ResolutionAnswer,
  type StoredConflict,
} from '@holdfast/core';
import type { Caller, Engine } from '../engine/engine.ts';
import type { MountDeps } from './mount.ts';

type Deps = Pick<MountDeps, 'engine' | 'scope'>;

/** Another write may come between reading the record and answering; so often. */
const triesMax = 10;

export interface PersonsWord {
  conflict: StoredConflict;
  /** The person saw it open: one that somebody else has settled meanwhile is not settled again. */
  seenOpen?: true;
  /** The answer, given the record's body as it stands; null: there is none. */
  answer(current: JsonObject | null): ResolutionAnswer;
  /** The field of the message that holds the fields which a value writes. */
  field: string;
}

/** Throws RequestError `not_found`, `conflict_settled`, or `malformed` for what cannot be written, in the message's own field. */
export async function resolveByPerson(
  { engine, scope }: Deps,
  caller: Caller,
  { conflict, seenOpen, answer, field }: PersonsWord,
): ReturnType<Engine['resolve']> {
  for (let tries = 1; ; tries += 1) {
    const [record] = await engine.inspect.history(scope, conflict.collection, conflict.record, 1);
    const given = answer(record ? bodyOf(record) : null);
    const seen = { seenVersion: record?.seq ?? 0, ...(seenOpen ? { seenOpen } : {}) };
    try {
      return await engine.resolve(caller, scope, conflict.id, seen, given);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      if (error.code !== 'conflict_changed' || tries === triesMax) throw inWireWords(error, field);
    }
  }
}

/** Undefined for a text that is the number of none. */
export async function conflictNumbered(
  { engine, scope }: Deps,
  text: string,
): Promise<StoredConflict | undefined> {
  const id = /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined;
  if (id === undefined) return undefined;
  const [conflict] = await engine.inspect.conflicts(scope, { ids: [id], max: 1 });
  return conflict;
}

/** As in a push, fields that are not named stay, and a field that is added up moves by the difference to what stands. */
export function valueAnswer(body: JsonObject, current: JsonObject | null): ResolutionAnswer {
  if (!current) return { type: 'value', body };
  const had = (field: string) => (Object.hasOwn(current, field) ? (current[field] ?? null) : null);
  const replaced = Object.fromEntries(Object.keys(body).map((field) => [field, had(field)]));
  return { type: 'value', body, replaced };
}

/** The engine names a place in its own change. */
function inWireWords(error: RequestError, above: string): RequestError {
  const { code, message } = error;
  const field = error.field?.replace(/^changes\[0\]\.(?:(?:body|set)\.)?/, `${above}.`);
  return field === error.field ? error : new RequestError(code, { field, message, cause: error });
}
