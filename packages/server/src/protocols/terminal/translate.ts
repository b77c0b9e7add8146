// Between the messages of terminal and the engine's verbs, in both directions. Pure.
//
// A record's `syncVersion` is one more than the count of its changes: a change that was made on version n was made when n - 1 had been.

import {
  type BaseJudge,
  bodyOf,
  type Declared,
  type DeclaredWrite,
  type Json,
  type JsonObject,
  type ResolutionAnswer,
  type Ruling,
  type StoredRecord,
  type Verdict,
} from '@holdfast/core';
import { storedName, wireName } from '../field-names.ts';
import { valueAnswer } from '../resolving.ts';
import { timeText } from '../time.ts';
import type { PulledChange, Result } from './answers.ts';
import type { Entities } from './entities.ts';
import type { BadChange, GivenChange, Strategy } from './wire.ts';

export const protocolName = 'terminal';

/** Bookkeeping of terminals, and the time of the change: a difference there is no conflict. */
const ignored: ReadonlySet<string> = new Set([
  'updatedAt',
  'syncVersion',
  'syncStatus',
  'isSynced',
  'lastSyncedAt',
]);

/** Beside the data of a change: what the terminal started from, for the fields that are added up. */
const startedField = 'base';

export function writerOf(terminalId: string): string {
  return `${protocolName}/${terminalId}`;
}

export function judgeOf(entities: Entities, writes: readonly DeclaredWrite[]): BaseJudge {
  const collections = new Set(writes.map(({ change }) => change.collection));
  return { by: 'base', policies: entities.policies(collections), returns: 'seen', ignored };
}

/** The write that a change asks for; or why it is none. */
export function writeOf(change: GivenChange, entities: Entities): DeclaredWrite | BadChange {
  const { entityType, entityId: id, operation, data, syncVersion, madeAt } = change;
  const collection = entities.collection(entityType);
  if (collection === undefined) return refused(change, 'entityType: This server keeps no such type.');
  const declared = {
    message: operation,
    base: operation === 'CREATE' ? ('none' as const) : { edits: Math.max(0, syncVersion - 1) },
    ...(madeAt === undefined ? {} : { madeAt }),
  };
  if (data === null) return { change: { type: 'delete', collection, id }, ...declared };
  const counters = entities.counters(collection);
  const { [startedField]: started, ...rest } = data;
  if (counters.size === 0 || started === undefined)
    return { change: { type: 'put', collection, id, body: renamed(data, storedName) }, ...declared };
  const from = startedIn(started, counters);
  if (typeof from === 'string') return refused(change, from);
  return {
    change: { type: 'put', collection, id, body: renamed(rest, storedName) },
    ...declared,
    started: from,
  };
}

function startedIn(started: Json, counters: ReadonlySet<string>): JsonObject | string {
  if (typeof started !== 'object' || started === null || Array.isArray(started))
    return 'data.base: It is an object of numbers.';
  const entries = Object.entries(started).filter(([field]) => counters.has(field));
  const bad = entries.find(([, value]) => typeof value !== 'number');
  return bad ? `data.base.${bad[0]}: It is a number.` : Object.fromEntries(entries);
}

function refused({ entityType, entityId, syncVersion }: GivenChange, error: string): BadChange {
  return { entityType, entityId, syncVersion, error };
}

export function badResult({ error, ...change }: BadChange): Result {
  return { ...change, status: 'FAILED', error };
}

export function versionOf({ edits }: Pick<StoredRecord, 'edits'>): number {
  return edits + 1;
}

/** The record's fields as its clients know them; null: it is deleted. */
export function dataOf(record: StoredRecord): JsonObject | null {
  const body = bodyOf(record);
  return body === null ? null : renamed(body, wireName);
}

const met: ReadonlySet<Ruling | undefined> = new Set<Ruling>(['gone', 'kept', 'replaced', 'merged', 'open']);

/** `told`: the record's version when the change was judged. A repeat is answered by that, or what came since would pass for seen. */
export function resultOf(
  { entityType, entityId, syncVersion }: GivenChange,
  { verdict, record }: Pick<Declared, 'verdict' | 'record'>,
  told: number | undefined,
): Result {
  const named = { entityType, entityId };
  const { ruling } = verdict;
  if (verdict.verdict === 'rejected' || ruling === undefined)
    return { ...named, status: 'FAILED', syncVersion, error: errorOf(verdict) };
  // A change that was no news, on an older version: what others wrote since has to be told with the later one.
  const isLate = ruling === 'unchanged' && told !== syncVersion;
  if (!met.has(ruling) && !isLate) return { ...named, status: 'SYNCED', syncVersion: told ?? syncVersion };
  const conflictId = conflictOf(verdict);
  return {
    ...named,
    status: ruling === 'open' ? 'CONFLICT' : 'SYNCED',
    syncVersion: record ? versionOf(record) : syncVersion,
    ...(conflictId === undefined ? {} : { conflictId: String(conflictId) }),
    data: record ? dataOf(record) : null,
  };
}

function conflictOf({ ruling, exceptions, merged }: Verdict): number | undefined {
  if (ruling !== 'open') return merged?.[0]?.conflict;
  return exceptions?.find(({ conflict }) => conflict !== undefined)?.conflict;
}

/** A verdict names the place in the engine's change; the terminal knows its data. */
function errorOf({ field = '', message = 'It was refused.' }: Verdict): string {
  return `${wireField(field, 'data')}${message}`;
}

function wireField(field: string, above: string): string {
  const [, inside, name = ''] = /^changes\[0\](\.(?:body|set)\.?)?(.*)$/.exec(field) ?? [];
  if (inside !== undefined) return `${[above, name].filter((part) => part !== '').join('.')}: `;
  const plain = name.replace(/^\./, '');
  return plain === '' ? '' : `${{ id: 'entityId', collection: 'entityType' }[plain] ?? plain}: `;
}

/** Of a page: highest priority first, and in the order of the commits where that is equal. */
export function pulledChanges(records: readonly StoredRecord[], entities: Entities): PulledChange[] {
  return records
    .flatMap((record) => {
      const entityType = entities.type(record.collection);
      if (entityType === undefined) return [];
      const priority = entities.priority(record.collection, bodyOf(record));
      return [{ priority, change: pulledChange(entityType, record) }];
    })
    .sort((a, b) => b.priority - a.priority)
    .map(({ change }) => change);
}

function pulledChange(entityType: string, record: StoredRecord): PulledChange {
  const { id: entityId, edits, madeAt } = record;
  const data = dataOf(record);
  const operation = data === null ? 'DELETE' : edits === 1 ? 'CREATE' : 'UPDATE';
  return {
    entityType,
    entityId,
    operation,
    ...(data === null ? {} : { data }),
    syncVersion: versionOf(record),
    updatedAt: timeText(madeAt),
  };
}

export function answerOf(
  resolution: Strategy,
  resolvedData: JsonObject,
  current: JsonObject | null,
): ResolutionAnswer {
  if (resolution === 'TERMINAL_WINS') return { type: 'device' };
  if (resolution === 'CENTRAL_WINS') return { type: 'server' };
  return valueAnswer(renamed(resolvedData, storedName), current);
}

function renamed(fields: JsonObject, nameOf: (field: string) => string): JsonObject {
  return Object.fromEntries(Object.entries(fields).map(([field, value]) => [nameOf(field), value]));
}
