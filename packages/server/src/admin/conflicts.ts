// What the operator sees of conflicts, and what becomes of an answer that is given at the server.

import { bodyOf, RequestError, type ResolutionAnswer, type StoredConflict } from '@holdfast/core';
import { type Engine, operator } from '../engine/engine.ts';
import type { AuditEntry, Store } from '../store/port.ts';
import type { AdminInput, ConflictFacts, ShownConflict } from './admin.ts';
import { readInParts } from './in-parts.ts';

export interface ConflictDeps {
  store: Pick<Store, 'read' | 'identity'>;
  engine: Pick<Engine, 'inspect' | 'resolve'>;
  nowMs: () => number;
}

/** Without contents: those may be large, and are looked at one by one. */
export async function listConflicts(
  { engine }: ConflictDeps,
  { scope, ...query }: AdminInput<'conflicts'>,
): Promise<{ conflicts: ConflictFacts[] }> {
  const read = (part: { after?: number; max: number }) =>
    engine.inspect.conflicts(scope, { ...query, ...part });
  return { conflicts: await readInParts(query, { read, placeOf: ({ id }) => id, show: factsOf }) };
}

/** Throws RequestError `not_found`. */
export async function showConflict(
  { store }: ConflictDeps,
  { scope, id }: AdminInput<'conflict'>,
): Promise<ShownConflict> {
  return store.read(async (snapshot) => {
    const [conflict] = await snapshot.conflicts(scope, { ids: [id], max: 1 });
    if (!conflict)
      throw new RequestError('not_found', { message: `There is no conflict ${id} in ${scope}.` });
    const key = { collection: conflict.collection, id: conflict.record };
    const [record] = await snapshot.records(scope, [key]);
    return { conflict, version: record?.seq ?? 0, body: record ? bodyOf(record) : null };
  });
}

/** Throws RequestError: `not_found`, `conflict_changed`, `conflict_settled`, or `malformed` with why it cannot be done. */
export async function answerConflict(
  { engine, store, nowMs }: ConflictDeps,
  { scope, id, seen, open, answer, body }: AdminInput<'resolve'>,
): Promise<ShownConflict> {
  if ((answer === 'value') !== (body !== undefined))
    throw new RequestError('malformed', { field: 'body', message: 'The answer `value` gives the record.' });
  const given: ResolutionAnswer = answer === 'value' ? { type: answer, body: body ?? {} } : { type: answer };
  const outcome = await engine.resolve(operator, scope, id, { seenVersion: seen, seenOpen: open }, given);
  const { conflict, record } = outcome;
  const audit: AuditEntry = {
    at: nowMs(),
    actor: operator.actor,
    action: answer === 'undo' ? 'conflict.undo' : 'conflict.resolve',
    subject: `${scope}/${conflict.collection}/${conflict.record} conflict ${id}${answer === 'undo' ? '' : `: ${answer}`}`,
  };
  await store.identity.addAudit(audit);
  return { conflict, version: record?.seq ?? 0, body: record ? bodyOf(record) : null };
}

function factsOf(conflict: StoredConflict): ConflictFacts {
  const { id, collection, record, fields, device, at, policy, state, mutations } = conflict;
  const settled = conflict.settlement;
  const settlement = settled && {
    by: settled.by,
    resolution: settled.resolution,
    at: settled.at,
    actor: settled.actor,
    device: settled.device ?? '',
  };
  return {
    ...{ id, collection, record, fields, device, at, policy, state },
    mutations: mutations.length,
    settlement,
  };
}
