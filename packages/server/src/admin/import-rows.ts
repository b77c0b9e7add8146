// Brings rows of a file into a collection, as often as one likes: a row whose record is equal changes nothing, one that differs is
// put on the version that stands (the file is the newest word), and a mutation's id is made from what it does, so that the same row
// sent twice is one mutation. Fields that a row does not name stay as they are.

import {
  admit,
  bodyOf,
  type Change,
  type Collection,
  canonicalJson,
  equalJson,
  hashedPart,
  type Json,
  type JsonObject,
  type Limits,
  type Mutation,
  type PutChange,
  RequestError,
  type Schema,
  type Sha256,
  type StoredRecord,
  type VerdictEntry,
} from '@holdfast/core';
import { type Engine, operator } from '../engine/engine.ts';
import type { Store } from '../store/port.ts';
import type { AdminInput, ImportedRow } from './admin.ts';
import { readCell } from './cell.ts';

export interface ImportDeps {
  store: Pick<Store, 'read'>;
  engine: Pick<Engine, 'push'>;
  schema: Schema;
  limits: Limits;
  nowMs: () => number;
  sha256: Sha256;
}

type Row = AdminInput<'import'>['rows'][number];

/** Whose verdict log the import's verdicts go to. It belongs to no device. */
const importReplica = 'holdfast:import';

/** Answers the rows in their order. Throws RequestError when nothing of them was taken. */
export async function importRows(
  deps: ImportDeps,
  { scope, collection: name, rows }: AdminInput<'import'>,
): Promise<{ rows: ImportedRow[] }> {
  const collection = deps.schema.collections.get(name);
  if (!collection)
    throw new RequestError('malformed', {
      field: 'collection',
      message: `The schema has no collection ${name}.`,
    });
  if (new Set(rows.map(({ id }) => id)).size < rows.length)
    throw new RequestError('malformed', { field: 'rows', message: 'Two rows have the same id.' });
  const { standing, head } = await readStanding(deps, scope, { name, rows });
  const drafts = rows.map((row) => draftOf(deps, { scope, collection, row, stands: standing.get(row.id) }));
  const verdicts = await pushAll(
    deps,
    scope,
    drafts.flatMap(({ mutation }) => mutation ?? []),
    head,
  );
  return {
    rows: drafts.map(({ done, mutation, outcome }) => {
      if (done) return done;
      return judged(mutation ? verdicts.get(mutation.id) : undefined, outcome);
    }),
  };
}

async function readStanding(
  deps: ImportDeps,
  scope: string,
  { name, rows }: { name: string; rows: readonly Row[] },
): Promise<{ standing: Map<string, StoredRecord>; head: number }> {
  return deps.store.read(async (snapshot) => {
    const state = await snapshot.scope(scope);
    const keys = rows.map(({ id }) => ({ collection: name, id }));
    const records = state ? await snapshot.records(scope, keys) : [];
    return { standing: new Map(records.map((record) => [record.id, record])), head: state?.head ?? 0 };
  });
}

type Made = 'created' | 'changed' | 'deleted';

interface Draft {
  outcome: Made;
  /** Absent when there is nothing to send. */
  mutation?: Mutation;
  done?: ImportedRow;
}

function draftOf(
  deps: ImportDeps,
  given: { scope: string; collection: Collection; row: Row; stands: StoredRecord | undefined },
): Draft {
  const { scope, collection, row, stands } = given;
  const before = stands ? bodyOf(stands) : null;
  if (row.deleted) return deletionOf(deps, given);
  const outcome = before ? 'changed' : 'created';
  const read = readRow(collection, row);
  if ('problem' in read)
    return { outcome, done: { outcome: 'rejected', code: 'invalid_record', ...read.problem } };
  const body = { ...before, ...read.set };
  for (const field of read.unset) delete body[field];
  const changed = before ? changedFields(before, body, [...Object.keys(read.set), ...read.unset]) : [];
  if (before && changed.length === 0) return { outcome, done: { outcome: 'unchanged' } };
  const change: PutChange = {
    type: 'put',
    collection: collection.name,
    id: row.id,
    body,
    ...(stands ? { base: stands.seq } : {}),
    ...(before
      ? { replaced: Object.fromEntries(changed.map((field) => [field, before[field] ?? null])) }
      : {}),
  };
  const mutation = mutationOf(deps, scope, change, '');
  const { problem } = admit(mutation, deps.schema, deps.limits);
  if (!problem) return { outcome, mutation };
  const { code, message } = problem;
  return { outcome, done: { outcome: 'rejected', code, message, ...fieldOf(problem.field) } };
}

function readRow(
  collection: Collection,
  { texts, values }: Row,
): { set: Record<string, Json>; unset: string[] } | { problem: { field: string; message: string } } {
  const set: Record<string, Json> = { ...values };
  const unset: string[] = [];
  for (const [field, text] of Object.entries(texts ?? {})) {
    const reading = readCell(collection, field, text);
    if (reading.type === 'problem') return { problem: { field, message: reading.message } };
    if (reading.type === 'absent') unset.push(field);
    else set[field] = reading.value;
  }
  return { set, unset };
}

function deletionOf(
  deps: ImportDeps,
  { scope, collection, row, stands }: Parameters<typeof draftOf>[1],
): Draft {
  if (!stands || bodyOf(stands) === null) return { outcome: 'deleted', done: { outcome: 'unchanged' } };
  const change: Change = { type: 'delete', collection: collection.name, id: row.id, base: stands.seq };
  return { outcome: 'deleted', mutation: mutationOf(deps, scope, change, '') };
}

function changedFields(before: JsonObject, after: JsonObject, named: readonly string[]): string[] {
  return named.filter((field) => {
    const [old, next] = [before[field], after[field]];
    return old === undefined || next === undefined ? old !== next : !equalJson(old, next);
  });
}

/**
 * The mutation that does `change`. Its id is made from its content, and its clocks say nothing, so that the same change at any other
 * time is the same mutation; the engine is told the time beside it. `again` tells attempts apart.
 */
function mutationOf(deps: ImportDeps, scope: string, change: Change, again: string): Mutation {
  const content = {
    schema: deps.schema.version,
    actor: operator.actor,
    made: { wall: 0, mono: 0, session: importReplica, offset: 0, seen: 0 },
    changes: [change],
  };
  const text = canonicalJson({ scope, again, ...content } as unknown as JsonObject);
  return { id: uuidOf(deps.sha256(`holdfast import ${text}`)), ...content };
}

/** The shape of a UUID of version 8, which is for ids that mean nothing to others. */
function uuidOf(hash: string): string {
  const variant = '89ab'[Number.parseInt(hash[16] ?? '0', 16) & 3];
  return [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    `${variant}${hash.slice(17, 20)}`,
    hash.slice(20, 32),
  ].join('-');
}

type Answer = VerdictEntry | { code: string; message: string };

/**
 * Pushes each mutation. One that an earlier run sent already, and whose effect does not stand, is sent once more as a new one: what
 * stood in the way of it may be gone. That attempt is named for the head, at which the answer could not be another.
 */
async function pushAll(
  deps: ImportDeps,
  scope: string,
  mutations: readonly Mutation[],
  head: number,
): Promise<Map<string, Answer>> {
  const answers = await push(deps, scope, mutations);
  const again = new Map<string, Mutation>();
  for (const mutation of mutations) {
    const answer = answers.get(mutation.id);
    const [change] = mutation.changes;
    const stale = answer !== undefined && isOlder(answer, head);
    if (stale && change) again.set(mutation.id, mutationOf(deps, scope, change, String(head)));
  }
  const later = await push(deps, scope, [...again.values()]);
  for (const [id, mutation] of again) {
    const answer = later.get(mutation.id);
    if (answer) answers.set(id, answer);
  }
  return answers;
}

/** Whether a verdict was given before the records were read at `head`. */
function isOlder(answer: Answer, head: number): boolean {
  if (!('verdict' in answer)) return false;
  if (answer.verdict === 'rejected') return answer.asOf < head;
  // What is applied now has a seq above the head.
  return answer.verdict !== 'waiting' && answer.verdict !== 'conflict' && answer.asOf <= head;
}

async function push(
  deps: ImportDeps,
  scope: string,
  mutations: readonly Mutation[],
): Promise<Map<string, Answer>> {
  if (mutations.length === 0) return new Map();
  const madeAt = deps.nowMs();
  const { verdicts, errors } = await deps.engine.push(operator, scope, {
    replica: importReplica,
    former: [],
    // Nobody reads this log, so nothing of it has to be kept.
    verdictsSeen: Number.MAX_SAFE_INTEGER,
    checkpoint: null,
    mutations: mutations.map((mutation) => ({
      mutation,
      hash: deps.sha256(canonicalJson(hashedPart(mutation))),
      madeAt,
    })),
  });
  return new Map<string, Answer>([
    ...verdicts.map((verdict) => [verdict.mutation, verdict] as const),
    ...errors.map((error) => [error.mutation, error] as const),
  ]);
}

function judged(answer: Answer | undefined, outcome: Made): ImportedRow {
  if (!answer) return { outcome: 'rejected', code: 'internal', message: 'The server gave no verdict.' };
  if (!('verdict' in answer)) return { outcome: 'rejected', code: answer.code, message: answer.message };
  const { verdict, code, message, field } = answer;
  const reason = {
    ...(code === undefined ? {} : { code }),
    ...(message === undefined ? {} : { message }),
    ...fieldOf(field),
  };
  if (verdict === 'applied' || verdict === 'merged') return { outcome };
  if (verdict === 'rejected') return { outcome: 'rejected', ...reason };
  if (verdict === 'excepted') {
    const [first] = answer.exceptions ?? [];
    return {
      outcome,
      ...(first ? { code: first.code, message: first.message, ...fieldOf(first.field) } : {}),
    };
  }
  return { outcome: 'waiting', ...reason };
}

/** The field within the record: `changes[0].body.price` → `price`. */
function fieldOf(path: string | undefined): { field?: string } {
  const field = path?.replace(/^changes\[\d+\]\.?/, '').replace(/^body\.?/, '') ?? '';
  return field === '' ? {} : { field };
}
