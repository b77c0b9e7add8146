// What the engine answers, as hims tells it. Pure.

import {
  type Declared,
  type JsonObject,
  type RecordChange,
  type Ruling,
  type StoredConflict,
  type StoredRecord,
  serverWriter,
  type Verdict,
} from '@holdfast/core';
import type { MountedCollection } from '../mount.ts';
import { timeText } from '../time.ts';
import { type Refused, type Seen, seenOf, type Taken, wireRecord, wireTime } from './records.ts';
import type { PushAnswer, PushConflict, PushError, WireConflict, WireResolution } from './wire.ts';

/** The records of a page by their tables; each table that was asked for has a key. */
export function pulledData(
  tables: readonly MountedCollection[],
  records: readonly StoredRecord[],
): Record<string, JsonObject[]> {
  const data = new Map<string, JsonObject[]>(tables.map(({ wire }) => [wire, []]));
  const byCollection = new Map(tables.map((table) => [table.collection, table]));
  for (const record of records) {
    const table = byCollection.get(record.collection);
    if (table) data.get(table.wire)?.push(wireRecord(table, seenOf(record)));
  }
  return Object.fromEntries(data);
}

/** What became of one record of a push. */
export type Outcome =
  | { type: 'inserted' | 'updated' }
  | { type: 'conflict'; conflict: PushConflict }
  | { type: 'error'; error: PushError };

type Counted = 'inserted' | 'updated' | 'conflict';

/** All else is a conflict. */
const counted: Partial<Record<Ruling, Counted>> = {
  inserted: 'inserted',
  updated: 'updated',
  deleted: 'updated',
  unchanged: 'updated',
};

const reasons: Partial<Record<Ruling, string>> = {
  differs: 'Server has another version of the same time',
  reserved: 'Server decides here; its version stays',
};

export function outcomeOf(table: MountedCollection, taken: Taken, { verdict, record }: Declared): Outcome {
  const { uuid } = taken;
  const { ruling } = verdict;
  if (verdict.verdict === 'rejected' || ruling === undefined)
    return { type: 'error', error: { table: table.wire, uuid, message: reasonOf(verdict) } };
  const kind = counted[ruling] ?? 'conflict';
  if (kind !== 'conflict') return { type: kind };
  // A record of which nothing stands is in conflict with nothing.
  const server = record ? seenOf(record) : { id: uuid, writer: serverWriter, madeAt: 0, body: null };
  const open = verdict.exceptions?.find(({ conflict }) => conflict !== undefined)?.conflict;
  return {
    type: 'conflict',
    conflict: {
      table: table.wire,
      uuid,
      deviceTimestamp: taken.timestamp,
      serverTimestamp: wireTime(table, server),
      message: reasons[ruling] ?? 'Server has newer version',
      recommendation: ruling === 'differs' && open !== undefined ? 'manual_merge' : 'use_server',
      ...(open === undefined ? {} : { conflictId: open }),
      devicePayload: taken.payload,
      serverPayload: wireRecord(table, server),
    },
  };
}

export function refusedOutcome(error: Refused): Outcome {
  return { type: 'error', error };
}

/** A verdict names the place in the engine's change; the device knows its record. */
function reasonOf({ field = '', message = 'It was refused.' }: Verdict): string {
  const name = field.replace(/^changes\[0\]\.(?:(?:set|body)\.)?/, '');
  return name === '' ? message : `${name}: ${message}`;
}

export function pushAnswerOf(outcomes: readonly Outcome[], nowMs: number): PushAnswer {
  const count = (type: Outcome['type']): number => outcomes.filter((outcome) => outcome.type === type).length;
  return {
    success: true,
    processed: {
      inserted: count('inserted'),
      updated: count('updated'),
      conflicts: count('conflict'),
      errors: count('error'),
    },
    conflicts: outcomes.flatMap((outcome) => (outcome.type === 'conflict' ? [outcome.conflict] : [])),
    errors: outcomes.flatMap((outcome) => (outcome.type === 'error' ? [outcome.error] : [])),
    timestamp: timeText(nowMs),
  };
}

const words = {
  server: 'use_server',
  device: 'keep_device',
  value: 'manual_merge',
  merge: 'use_server',
  undo: 'use_server',
} as const satisfies Record<NonNullable<StoredConflict['settlement']>['resolution'], WireResolution>;

export function wireConflict(
  table: MountedCollection,
  conflict: StoredConflict,
  said?: { resolution: WireResolution; resolvedBy: string | null },
): WireConflict {
  const { settlement } = conflict;
  const device = deviceSide(conflict);
  const server = serverSide(conflict);
  return {
    id: conflict.id,
    table_name: table.wire,
    record_uuid: conflict.record,
    device_uuid: conflict.device,
    device_timestamp: wireTime(table, device),
    server_timestamp: wireTime(table, server),
    device_payload: JSON.stringify(wireRecord(table, device)),
    server_payload: JSON.stringify(wireRecord(table, server)),
    resolution: said?.resolution ?? (settlement ? words[settlement.resolution] : null),
    created_at: timeText(conflict.at),
    resolved_at: settlement ? timeText(settlement.at) : null,
    resolved_by: said?.resolvedBy ?? (settlement?.actor || null),
  };
}

/** What the device sent, its changes one on top of the other. */
function deviceSide({ record, writer, at, made, changes }: StoredConflict): Seen {
  const body = changes.reduce<JsonObject | null>(onto, null);
  return { id: record, writer, madeAt: made?.device ?? at, body };
}

function onto(body: JsonObject | null, change: RecordChange): JsonObject | null {
  switch (change.type) {
    case 'delete':
      return null;
    case 'put':
      return { ...body, ...change.body };
    case 'patch': {
      const gone = new Set(change.unset ?? []);
      const kept = Object.entries({ ...body, ...change.set }).filter(([field]) => !gone.has(field));
      return Object.fromEntries(kept);
    }
    case 'add':
      return { ...body, ...change.amounts };
  }
}

function serverSide({ record, made, at, server }: StoredConflict): Seen {
  return {
    id: record,
    writer: made?.serverWriter || serverWriter,
    madeAt: made?.server ?? at,
    body: server,
  };
}
