// What the exchanges of crm are to the engine: a push of declared writes, judged by what their device has read, and a page behind a stamp.

import { type Declared, RequestError, type StoredConflict } from '@holdfast/core';
import type { z } from 'zod';
import { rightIn } from '../../engine/access.ts';
import type { Caller, PullResult } from '../../engine/engine.ts';
import type { MountDeps, MountedCollection } from '../mount.ts';
import { timeText } from '../time.ts';
import { checkReader } from './reader.ts';
import { protocolName, type Refused, readRecord, readTime, type Taken, writerOf } from './records.ts';
import {
  conflictIn,
  isNews,
  judgeOf,
  type Outcome,
  outcomeOf,
  type Pushed,
  pulledChanges,
  pushAnswerOf,
  pushedKey,
} from './translate.ts';
import {
  type CrmOptions,
  type fullAnswer,
  type fullMessage,
  type PullAnswer,
  type PushAnswer,
  type pullMessage,
  type pushMessage,
  recordsMax,
} from './wire.ts';

export type SyncDeps = Pick<
  MountDeps<CrmOptions>,
  'engine' | 'limits' | 'clock' | 'scope' | 'collections' | 'options'
>;

/** Throws RequestError `malformed` with the field. */
export async function pull(
  deps: SyncDeps,
  caller: Caller,
  request: z.infer<typeof pullMessage>,
): Promise<PullAnswer> {
  const since = readSince(request.lastSyncTimestamp);
  return pageOf(deps, caller.device, since, await readPage(deps, caller, since));
}

/** Throws RequestError `malformed` with the field, or `too_large`; then nothing was asked of the engine. */
export async function push(
  deps: SyncDeps,
  caller: Caller,
  request: z.infer<typeof pushMessage>,
): Promise<PushAnswer> {
  return (await pushed(deps, caller, request)).answer;
}

/** A push, then a page, without what was just pushed. Throws as both. */
export async function full(
  deps: SyncDeps,
  caller: Caller,
  request: z.infer<typeof fullMessage>,
): Promise<z.infer<typeof fullAnswer>> {
  const since = readSince(request.lastSyncTimestamp);
  const push = await pushed(deps, caller, request);
  const page = await readPage(deps, caller, since);
  const { device } = caller;
  const records = page.records.filter((record) => isNews(record, { device, ...push }));
  const answer = pageOf(deps, device, since, { ...page, records });
  return { success: true, push: push.answer, pull: answer, timestamp: answer.timestamp };
}

interface Answered {
  answer: PushAnswer;
  /** How far the device had read. */
  seenSeq: number;
  /** By `pushedKey`. */
  pushed: ReadonlyMap<string, Pushed>;
}

async function pushed(
  deps: SyncDeps,
  caller: Caller,
  request: z.infer<typeof fullMessage>,
): Promise<Answered> {
  const { engine, limits, scope, collections, options } = deps;
  const stamp = readSince(request.lastSyncTimestamp);
  const given = readChanges(deps, request.changes ?? {});
  const strategy = request.strategy ?? options.strategy;
  // What it says to have read is written down.
  if (stamp !== undefined) await checkReader(deps, caller);
  const { confirmed: seenSeq } = await engine.readTo(scope, caller.device, {
    as: protocolName,
    ...(stamp === undefined ? {} : { stamp }),
  });
  const { idCharsMax } = limits;
  const records = given.map(({ entity, record }) => readRecord(entity, record, { idCharsMax, seenSeq }));
  const taken = records.filter((record) => 'write' in record);
  const answers = await engine.pushDeclared(caller, scope, {
    writer: writerOf(caller.device),
    judge: judgeOf(collections.values(), { strategy, toleranceMs: options.toleranceMs }),
    writes: taken.map(({ write }) => write),
  });
  const logged = await readLogged(deps, answers);
  const answerOf = new Map<Taken | Refused, Declared>();
  const stand = new Map<string, Pushed>();
  for (const [place, record] of taken.entries()) {
    const answer = answers[place];
    if (!answer) throw new Error('The engine left a write without an answer.');
    answerOf.set(record, answer);
    const key = pushedKey(record.write.change);
    const met = stand.get(key)?.met === true || conflictIn(answer.verdict) !== undefined;
    stand.set(key, { seq: answer.record?.seq ?? null, met });
  }
  const outcomes = records.map((record): Outcome => {
    const answer = answerOf.get(record);
    if (!('write' in record) || !answer) return { type: 'error', error: record as Refused };
    return outcomeOf(record, answer, { logged: logged.get(conflictIn(answer.verdict) ?? 0), strategy });
  });
  return { answer: pushAnswerOf(outcomes), seenSeq, pushed: stand };
}

/** Every record that is given, in order, with its entity. */
function readChanges(
  { collections }: SyncDeps,
  changes: NonNullable<z.infer<typeof fullMessage>['changes']>,
): { entity: MountedCollection; record: unknown }[] {
  const given = Object.entries(changes).flatMap(([name, records]) => {
    const entity = entityNamed({ collections }, name, `changes.${name}`);
    return (records ?? []).map((record) => ({ entity, record }));
  });
  if (given.length <= recordsMax) return given;
  const message = `changes: A request has at most ${recordsMax} records, and this one has ${given.length}.`;
  throw new RequestError('too_large', { field: 'changes', message });
}

/** Throws RequestError `malformed`. */
export function entityNamed(
  { collections }: Pick<SyncDeps, 'collections'>,
  name: string,
  field: string,
): MountedCollection {
  const entity = collections.get(name);
  if (entity) return entity;
  const known = [...collections.keys()].join(', ');
  throw new RequestError('malformed', {
    field,
    message: `${field}: There is no such entity; known are ${known}.`,
  });
}

/** The conflicts that verdicts name, by their numbers. */
async function readLogged(
  { engine, scope }: SyncDeps,
  answers: readonly Declared[],
): Promise<ReadonlyMap<number, StoredConflict>> {
  const ids = [...new Set(answers.flatMap(({ verdict }) => conflictIn(verdict) ?? []))];
  if (ids.length === 0) return new Map();
  const found = await engine.inspect.conflicts(scope, { ids, max: ids.length });
  return new Map(found.map((conflict) => [conflict.id, conflict]));
}

function readSince(given: string | number | null | undefined): number | undefined {
  if (given === undefined || given === null || given === '') return undefined;
  const ms = readTime(given);
  if (ms !== undefined) return Math.max(0, ms);
  const message = 'lastSyncTimestamp: A time is ISO 8601, such as 2026-01-31T12:00:00.000Z.';
  throw new RequestError('malformed', { field: 'lastSyncTimestamp', message });
}

/** Throws RequestError `forbidden` for who may not read. */
async function readPage(
  { engine, scope, collections }: SyncDeps,
  caller: Caller,
  since = 0,
): Promise<PullResult> {
  const page = await engine.pull(caller, scope, {
    after: { stamp: since },
    collections: [...collections.values()].map(({ collection }) => collection),
    recordsMax,
    notedAs: protocolName,
    notedWhole: true,
  });
  if (rightIn(page.grants, scope) === 'none') throw new RequestError('forbidden', { field: 'scope' });
  return page;
}

function pageOf(
  { clock, collections }: SyncDeps,
  deviceId: string,
  since: number | undefined,
  { records, head, stamp, more }: PullResult,
): PullAnswer {
  return {
    success: true,
    changes: pulledChanges(collections.values(), records),
    timestamp: timeText(head === 0 ? sinceOfNothing(clock.wallMs(), since) : stamp),
    conflicts: [],
    deviceId,
    hasMore: more,
  };
}

/** Where nothing was ever written, a time that is still to come would skip what is written until then. */
function sinceOfNothing(nowMs: number, since = 0): number {
  return since <= nowMs ? since : 0;
}
