// What the two exchanges of hims are to the engine: a push of declared writes, and a page behind a stamp.

import { type Declared, RequestError } from '@holdfast/core';
import type { z } from 'zod';
import { rightIn } from '../../engine/access.ts';
import type { Caller } from '../../engine/engine.ts';
import type { MountDeps, MountedCollection } from '../mount.ts';
import { readTimeMs, stampOfNothing, timeText } from '../time.ts';
import { judgeOf, type Refused, readRecord, type Taken, writerOf } from './records.ts';
import { type Outcome, outcomeOf, pulledData, pushAnswerOf, refusedOutcome } from './translate.ts';
import type { pullAnswer, pullMessage, pushAnswer, pushMessage } from './wire.ts';

export interface SyncDeps
  extends Pick<MountDeps, 'engine' | 'schema' | 'limits' | 'clock' | 'scope' | 'collections'> {
  /** Records of one request, over all tables. */
  recordsMax: number;
}

/** Throws RequestError `malformed` for what the request as a whole gets wrong; then nothing was asked of the engine. */
export async function pull(
  deps: SyncDeps,
  caller: Caller,
  { tables: named, since: given }: z.infer<typeof pullMessage>,
): Promise<z.infer<typeof pullAnswer>> {
  const { engine, scope, clock, recordsMax } = deps;
  const tables = named ? tablesNamed(deps, named, 'tables') : [...deps.collections.values()];
  const since = readSince(given);
  const page = await engine.pull(caller, scope, {
    after: since === undefined ? null : { stamp: since },
    collections: tables.map(({ collection }) => collection),
    recordsMax,
  });
  if (rightIn(page.grants, scope) === 'none') throw new RequestError('forbidden', { field: 'scope' });
  return {
    success: true,
    data: pulledData(tables, page.records),
    totalRecords: page.records.length,
    timestamp: timeText(page.head === 0 ? stampOfNothing(since ?? 0, clock.wallMs()) : page.stamp),
    ...(page.more ? { hasMore: true as const } : {}),
  };
}

function tablesNamed(
  { collections }: SyncDeps,
  names: readonly string[],
  field: string,
): readonly MountedCollection[] {
  return [...new Set(names)].map((name) => {
    const table = collections.get(name);
    if (table) return table;
    const message = `${field}: there is no table ${JSON.stringify(name.slice(0, 64))}.`;
    throw new RequestError('malformed', { field, message });
  });
}

function readSince(text: string | null | undefined): number | undefined {
  if (text === undefined || text === null || text === '') return undefined;
  const ms = readTimeMs(text);
  if (ms !== undefined) return ms;
  const message = 'since: a time is ISO 8601, such as 2026-01-31T12:00:00.000Z.';
  throw new RequestError('malformed', { field: 'since', message });
}

/** A push that was read. Nothing of it was asked of the engine yet. */
export type Push = readonly (Taken | Refused)[];

/** Throws RequestError `malformed` with the field, or `too_large`. */
export function readPush(deps: SyncDeps, { data }: z.infer<typeof pushMessage>): Push {
  const { limits, recordsMax } = deps;
  const given = Object.entries(data);
  const tables = tablesNamed(
    deps,
    given.map(([name]) => name),
    'data',
  );
  const count = given.reduce((sum, [, records]) => sum + records.length, 0);
  if (count > recordsMax) {
    const message = `data: a request has at most ${recordsMax} records, and this one has ${count}.`;
    throw new RequestError('too_large', { field: 'data', message });
  }
  return tables.flatMap((table) =>
    (data[table.wire] ?? []).map((record) => readRecord(table, record, limits)),
  );
}

export async function push(
  deps: SyncDeps,
  caller: Caller,
  records: Push,
): Promise<z.infer<typeof pushAnswer>> {
  const { engine, schema, scope, collections, clock } = deps;
  const taken = records.filter((record) => 'write' in record);
  const answers = await engine.pushDeclared(caller, scope, {
    writer: writerOf(caller.device),
    judge: judgeOf(schema, collections.values()),
    writes: taken.map(({ write }) => write),
  });
  const answerOf = new Map<Taken | Refused, Declared>(
    taken.flatMap((record, place) => {
      const answer = answers[place];
      return answer ? [[record, answer] as const] : [];
    }),
  );
  const outcomes = records.map((record): Outcome => {
    const table = collections.get(record.table);
    const answer = answerOf.get(record);
    if (!('write' in record)) return refusedOutcome(record);
    if (!table || !answer) throw new Error('The engine left a write without an answer.');
    return outcomeOf(table, record, answer);
  });
  return pushAnswerOf(outcomes, clock.wallMs());
}
