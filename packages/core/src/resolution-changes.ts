// The changes that a person's answer to a conflict makes itself, beside those of the mutations that it lets go.

import { canonicalJson, equalJson } from './canonical.ts';
import type { Change, PatchChange, PutChange, RecordChange } from './change.ts';
import type { Draft } from './draft.ts';
import { editBetween, valueIn } from './edit.ts';
import type { Json, JsonObject } from './json.ts';
import type { ResolutionAnswer } from './plan-item.ts';
import type { Live } from './record-book.ts';
import { type Collection, collectionIn } from './schema.ts';
import type { HeldMutation, StoredConflict } from './stored.ts';

interface Answering {
  conflict: StoredConflict;
  live: Live | null;
  /** The mutations that it holds; they bring their changes themselves. */
  held: readonly HeldMutation[];
  answer: ResolutionAnswer;
}

interface Target {
  collection: string;
  id: string;
  base: number;
}

/** The mutations of a conflict that are held; undefined while some are not loaded. */
export function heldOf(draft: Draft, conflict: StoredConflict): readonly HeldMutation[] | undefined {
  const all = conflict.mutations.map((id) => draft.held(id));
  return all.includes(undefined) ? undefined : all.flatMap((held) => held ?? []);
}

/** Made on the version that stands, so that nothing is concurrent with them. */
export function changesOf(draft: Draft, answering: Answering): readonly RecordChange[] {
  const { conflict, live, answer } = answering;
  const collection = collectionIn(draft.context.schema, conflict.collection);
  // The collection was dropped from the schema: the conflict can be closed, and nothing else.
  if (!collection) return [];
  const target = { collection: conflict.collection, id: conflict.record, base: live?.record.seq ?? 0 };
  const body = live?.body ?? null;
  switch (answer.type) {
    case 'value':
      return [valueChange(target, body, answer)];
    case 'device':
      return deviceChanges(answering, collection, target);
    case 'server':
      return conflict.state === 'open' ? [] : serverChanges(conflict, collection, target, body);
    case 'undo':
      return undoChanges(answering, collection, target);
  }
}

function valueChange(
  target: Target,
  current: JsonObject | null,
  { body, replaced }: Extract<ResolutionAnswer, { type: 'value' }>,
): RecordChange {
  if (current !== null && replaced) return { type: 'put', ...target, body, replaced };
  if (current === null) return { type: 'put', ...target, body };
  const named = Object.fromEntries(Object.keys(body).map((field) => [field, null]));
  return { type: 'put', ...target, body, replaced: { ...named, ...current } };
}

/**
 * The device's changes that no held mutation brings: those of facts, which were not applied while the conflict was open, and
 * all of a settled conflict.
 */
function deviceChanges(
  { conflict, live, held }: Pick<Answering, 'conflict' | 'live' | 'held'>,
  collection: Collection,
  target: Target,
): RecordChange[] {
  const brought = new Map<string, number>();
  for (const change of held.flatMap(({ mutation }) => mutation.changes)) {
    const text = textOf(change);
    brought.set(text, (brought.get(text) ?? 0) + 1);
  }
  const changes = conflict.changes.filter((change) => {
    const left = brought.get(textOf(change)) ?? 0;
    if (left > 0) brought.set(textOf(change), left - 1);
    return left === 0;
  });
  // What was counted once is not counted again. On a tombstone there is nothing to add to: the record begins anew.
  const again = conflict.settlement?.counted && live?.body;
  const wanted = again ? changes.flatMap((change) => withoutCounters(change, collection)) : changes;
  return wanted.map((change) => ({ ...change, base: change.base ?? target.base }));
}

/** Back to the server's side, for the fields that were in question. Counters were never in question. */
function serverChanges(
  conflict: StoredConflict,
  collection: Collection,
  target: Target,
  body: JsonObject | null,
): RecordChange[] {
  const { server } = conflict;
  if (server === null) return body === null ? [] : [{ type: 'delete', ...target }];
  if (body === null) return [{ type: 'put', ...target, body: server }];
  const wanted = new Map<string, Json>(Object.entries(body));
  for (const field of conflict.fields) {
    const value = valueIn(server, field);
    if (collection.counters.has(field)) continue;
    if (value === undefined) wanted.delete(field);
    else wanted.set(field, value);
  }
  return editChanges(collection, target, { from: body, to: Object.fromEntries(wanted) });
}

/** Takes back what the last settlement did; if it did nothing, because the server's side stayed, does the device's side. */
function undoChanges(answering: Answering, collection: Collection, target: Target): RecordChange[] {
  const { conflict, live } = answering;
  const { before, after } = conflict.settlement ?? { before: null, after: null };
  if (equalJson(before, after)) return deviceChanges(answering, collection, target);
  if (before === null) return [{ type: 'delete', ...target }];
  if (after === null || !live?.body) return [{ type: 'put', ...target, body: before }];
  return editChanges(collection, target, { from: after, to: before });
}

/** What leads from one body to another: counters by increments, the rest by a patch. */
function editChanges(
  collection: Collection,
  target: Target,
  { from, to }: { from: JsonObject; to: JsonObject },
): RecordChange[] {
  const edit = editBetween(collection, from, to);
  const changed = [...edit.set].filter(([field, value]) => {
    const was = valueIn(from, field);
    return was === undefined || !equalJson(value, was);
  });
  const set = Object.fromEntries(changed);
  const changes: RecordChange[] = [];
  if (changed.length + edit.unset.size > 0)
    changes.push({ type: 'patch', ...target, set, unset: [...edit.unset] });
  if (edit.add.size > 0) changes.push({ type: 'add', ...target, amounts: Object.fromEntries(edit.add) });
  return changes;
}

function withoutCounters(change: RecordChange, { counters }: Collection): RecordChange[] {
  const rest = (fields: JsonObject): JsonObject =>
    Object.fromEntries(Object.entries(fields).filter(([field]) => !counters.has(field)));
  const replacedOf = ({ replaced }: PutChange | PatchChange) =>
    replaced ? { replaced: rest(replaced) } : {};
  switch (change.type) {
    case 'delete':
      return [change];
    case 'add':
      return [];
    case 'put':
      return [{ ...change, body: rest(change.body), ...replacedOf(change) }];
    case 'patch': {
      const unset = (change.unset ?? []).filter((field) => !counters.has(field));
      return [{ ...change, set: rest(change.set ?? {}), unset, ...replacedOf(change) }];
    }
  }
}

function textOf(change: Change): string {
  return canonicalJson({ ...change } as JsonObject);
}
