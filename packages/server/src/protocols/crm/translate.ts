// What the engine answers, as crm tells it. Pure.

import {
  type BaseJudge,
  type Declared,
  type JsonObject,
  type Ruling,
  type StoredConflict,
  type StoredRecord,
  serverWriter,
  type Verdict,
  wroteSince,
} from '@holdfast/core';
import { wireName } from '../field-names.ts';
import type { MountedCollection } from '../mount.ts';
import { flag, type Refused, type Seen, seenOf, type Taken, wireRecord, writerOf } from './records.ts';
import { type Applied, type Conflict, type PushAnswer, policies, type Strategy, strategies } from './wire.ts';

type Entities = Iterable<MountedCollection>;

/** How the changes of a push are judged: by what their device has read, and by the strategy. */
export function judgeOf(
  entities: Entities,
  { strategy, toleranceMs }: { strategy: Strategy; toleranceMs: number },
): BaseJudge {
  const all = [...entities];
  return {
    by: 'base',
    policies: new Map(all.map(({ collection }) => [collection, policies[strategy]])),
    toleranceMs,
    returns: 'newer',
    ignored: new Set([flag, ...all.map(({ time }) => time)]),
  };
}

/** What became of one record of a push. */
export type Outcome =
  | { type: 'applied'; applied: Applied }
  | { type: 'conflict'; conflict: Conflict }
  | { type: 'error'; error: Refused };

const actions: Partial<Record<Ruling, Applied['action']>> = {
  inserted: 'CREATE',
  updated: 'UPDATE',
  deleted: 'DELETE',
};

const winners: Partial<Record<Ruling, Conflict['winner']>> = {
  gone: 'server',
  kept: 'server',
  // Until a person decides, the record stays as it is.
  open: 'server',
  replaced: 'client',
  merged: 'merged',
};

/** `logged`: the conflict that its verdict names, if any. */
export function outcomeOf(
  { entity, uniqueId, sent, write }: Taken,
  { verdict, record }: Declared,
  { logged, strategy }: { logged: StoredConflict | undefined; strategy: Strategy },
): Outcome {
  const { wire: entityType } = entity;
  const { ruling } = verdict;
  if (verdict.verdict === 'rejected' || ruling === undefined || !record)
    return { type: 'error', error: { entityType, uniqueId, error: reasonOf(verdict) } };
  const about = { entityType, entityId: record.number, uniqueId };
  const winner = winners[ruling];
  if (winner && logged) {
    const resolution = strategyOf(logged) ?? strategy;
    const serverVersion = wireRecord(entity, serverSide(logged));
    const versions = { serverVersion, clientVersion: sent };
    return {
      type: 'conflict',
      conflict: { ...about, resolution, winner, ...versions, conflictId: logged.id },
    };
  }
  const same = write.change.type === 'delete' ? 'DELETE' : 'UPDATE';
  return { type: 'applied', applied: { ...about, action: actions[ruling] ?? same } };
}

/** The conflict that a verdict is about; undefined where its client is told of none. */
export function conflictIn({ merged = [], exceptions = [] }: Verdict): number | undefined {
  return merged[0]?.conflict ?? exceptions.find(({ conflict }) => conflict !== undefined)?.conflict;
}

function strategyOf({ policy }: StoredConflict): Strategy | undefined {
  return strategies.find((strategy) => policies[strategy] === policy);
}

function serverSide({ record, made, at, server }: StoredConflict): Seen {
  const { server: madeAt = at, serverWriter: writer = serverWriter } = made ?? {};
  return { id: record, writer, madeAt, body: server };
}

/** A verdict names the place in the engine's change; the client knows its record. */
function reasonOf({ field = '', message = 'It was refused.' }: Verdict): string {
  const name = wireName(field.replace(/^changes\[0\]\.?(?:(?:set|body)\.)?/, ''));
  return name === '' ? message : `${name}: ${message}`;
}

export function pushAnswerOf(outcomes: readonly Outcome[]): PushAnswer {
  return {
    success: true,
    applied: outcomes.flatMap((outcome) => (outcome.type === 'applied' ? [outcome.applied] : [])),
    conflicts: outcomes.flatMap((outcome) => (outcome.type === 'conflict' ? [outcome.conflict] : [])),
    errors: outcomes.flatMap((outcome) => (outcome.type === 'error' ? [outcome.error] : [])),
  };
}

/** The records of a page by their entities; each entity has a key. */
export function pulledChanges(
  entities: Entities,
  records: readonly StoredRecord[],
): Record<string, JsonObject[]> {
  const all = [...entities];
  const changes = new Map<string, JsonObject[]>(all.map(({ wire }) => [wire, []]));
  const byCollection = new Map(all.map((entity) => [entity.collection, entity]));
  for (const record of records) {
    const entity = byCollection.get(record.collection);
    if (entity) changes.get(entity.wire)?.push(wireRecord(entity, seenOf(record)));
  }
  return Object.fromEntries(changes);
}

/** What became of a record by a push. */
export interface Pushed {
  /** The version that stood then; null: none. */
  seq: number | null;
  /** Whether a write of it met what others wrote. */
  met: boolean;
}

/**
 * Whether a device that has just pushed needs a record of its page: not if it stands as the device sent it, and holds nothing that others
 * wrote and the device has not read.
 */
export function isNews(
  record: StoredRecord,
  { device, seenSeq, pushed }: { device: string; seenSeq: number; pushed: ReadonlyMap<string, Pushed> },
): boolean {
  const own = pushed.get(pushedKey(record));
  if (!own || own.met || own.seq !== record.seq) return true;
  const writer = writerOf(device);
  return record.writer !== writer || wroteSince(record, { writer, seq: seenSeq });
}

export function pushedKey({ collection, id }: { collection: string; id: string }): string {
  return JSON.stringify([collection, id]);
}
