// What a plan will certainly ask for, told before it asks: so that one load is enough for most plans, and a few for any.

import { collectionFor } from './admit.ts';
import { type Mutation, mutationKey, recordKey } from './change.ts';
import type { Draft, PlanContext } from './draft.ts';
import { valueIn } from './edit.ts';
import type { PlanItem } from './plan-item.ts';
import { collectionIn } from './schema.ts';
import type { HeldMutation, ScopeState } from './stored.ts';
import { uniqueValue } from './unique.ts';
import { allCollections, copyKey, type Needs, noNeeds, uniqueKey } from './working-set.ts';

/** What the items will ask for first, in a scope that stands so. */
export function foresee(items: readonly PlanItem[], scope: ScopeState, context: PlanContext): Needs {
  const needs = noNeeds();
  for (const item of items) {
    if (item.type === 'resolve') needs.conflicts.add(item.conflict);
    if (item.type === 'expire')
      for (const id of item.mutations) {
        needs.held.add(id);
        needs.mutations.add(id);
      }
    if (item.type !== 'push' && item.type !== 'declared') continue;
    for (const id of item.type === 'push' ? [item.replica, ...item.former.map((one) => one.id)] : [])
      needs.replicas.add(id);
    for (const { mutation, problem } of item.mutations) {
      needs.mutations.add(mutation.id);
      if (item.type === 'push') needs.mutations.add(refusedAs(item.device, mutation.id));
      if (problem || item.right !== 'write') {
        // It will be refused, and its payload kept.
        needs.quarantine.add(item.device);
        continue;
      }
      foreseeMutation(mutation, needs, context);
      for (const change of mutation.changes) {
        const { type, collection, id } = change;
        if (item.type === 'declared' && item.judge.by === 'base') {
          const copy = { writer: item.writer, collection, id };
          needs.copies.set(copyKey(copy), copy);
        }
        if (type === 'resolve') needs.conflicts.add(change.conflict);
        const key = recordKey(collection, id);
        if (scope.conflictsOpen > 0) needs.conflictsOpen.set(key, { collection, id });
        // What waits for the record is judged again when there is one.
        if (scope.held > 0 && type === 'put') needs.waits.add(key);
      }
    }
  }
  return needs;
}

/**
 * Notes the mutations of the sending replicas that wait, in front of which nothing of theirs is judged: asked for before the fold
 * begins, because a fold that comes upon them was for nothing.
 */
export function foreseeWaiting(draft: Draft, items: readonly PlanItem[]): void {
  for (const item of items) {
    if (item.type !== 'push' || item.right !== 'write') continue;
    for (const id of draft.waitingOf(item.replica) ?? []) draft.held(id);
  }
}

/**
 * Notes what a held mutation and all those of its replicas will ask for, if anything stands behind it: a chain is then loaded
 * in a number of rounds that does not depend on its length. Does nothing when all of it is loaded.
 */
export function foreseeChain(draft: Draft, held: HeldMutation): void {
  if ((draft.waitingOn(mutationKey(held.mutation.id)) ?? []).length === 0) return;
  for (const replica of held.replicas) {
    if (draft.foreseen.has(replica)) continue;
    draft.foreseen.add(replica);
    for (const id of draft.waitingOf(replica) ?? []) foreseeHeld(draft, id);
  }
}

function foreseeHeld(draft: Draft, id: string): void {
  draft.mutation(id);
  draft.waitingOn(mutationKey(id));
  const held = draft.held(id);
  if (!held) return;
  for (const replica of held.replicas) draft.replica(replica);
  const needs = noNeeds();
  foreseeMutation(held.mutation, needs, draft.context);
  for (const { collection, group, value } of needs.unique.values()) draft.holders(collection, group, value);
  for (const [key, { collection, id: record }] of needs.records) {
    draft.record(collection, record);
    draft.openConflicts(collection, record);
    draft.waitingOn(key);
  }
  for (const { collection, id: record, base = 0 } of held.mutation.changes) {
    const live = draft.record(collection, record);
    if (!live) continue;
    if (base > 0) draft.atBase(live, collection, record, base);
    for (const fields of collectionIn(draft.context.schema, collection)?.unique ?? []) {
      const value = uniqueValue(live.body, fields, draft.context.sha256);
      if (value !== undefined) draft.holders(collection, fields.join(','), value);
    }
  }
}

function foreseeMutation(mutation: Mutation, needs: Needs, { schema, sha256 }: PlanContext): void {
  const own = schema.versions.get(mutation.schema) ?? schema;
  for (const { collection: name, id, ...change } of mutation.changes) {
    needs.records.set(recordKey(name, id), { collection: name, id });
    if (schema.named && !schema.collections.has(name)) needs.collections.add(allCollections);
    const collection = collectionFor(schema, own, name);
    const given = change.type === 'put' ? change.body : change.type === 'patch' ? (change.set ?? {}) : {};
    for (const [field, parent] of collection?.parents ?? []) {
      const parentId = valueIn(given, field);
      if (typeof parentId !== 'string') continue;
      needs.records.set(recordKey(parent, parentId), { collection: parent, id: parentId });
    }
    for (const fields of collection?.unique ?? []) {
      const value = uniqueValue(given, fields, sha256);
      const group = fields.join(',');
      if (value !== undefined)
        needs.unique.set(uniqueKey(name, group, value), { collection: name, group, value });
    }
  }
}

/** Under which the replica of another device is known for a device that may not learn of that. No peer can name it. */
export function hiddenReplica(device: string, replica: string): string {
  return `${ownReplicas}hidden ${JSON.stringify([device, replica])}`;
}

/** Ids of replicas that begin with this are the server's own. */
export const ownReplicas = 'holdfast:';

/** Under which a mutation is remembered that a device sent without the right to write. */
export function refusedAs(device: string, id: string): string {
  return `${device}/${id}`;
}
