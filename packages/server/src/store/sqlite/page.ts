// One page of records: of a scope in stamp order, or of a collection in the order of ids.

import type { StoredRecord } from '@holdfast/core';
import type { PageQuery, ReadPosition, StoreSnapshot } from '../port.ts';
import { recordColumns } from './columns.ts';
import type { Connection } from './connection.ts';

export function readPage(
  connection: Connection,
  scope: string,
  query: PageQuery,
): { records: readonly StoredRecord[]; more: boolean } {
  const { sql, collections } = pageSql(query.collections);
  const records: StoredRecord[] = [];
  let chars = 0;
  for (const record of connection.iterate<StoredRecord>(
    sql,
    scope,
    query.afterStamp,
    query.recordsMax + 1,
    ...collections,
  )) {
    // Stamps rise with seqs, so that nothing behind this one is wanted either.
    if (record.seq > query.seqMax) break;
    chars += record.body?.length ?? 0;
    const full = records.length >= query.recordsMax || (chars > query.charsMax && records.length > 0);
    if (full) return { records, more: true };
    records.push(record);
  }
  return { records, more: false };
}

export function readCollection(
  connection: Connection,
  scope: string,
  { collection, seq, after, recordsMax, charsMax }: Parameters<StoreSnapshot['collection']>[1],
): { records: readonly StoredRecord[]; after: string | null } {
  const standing = connection.all<StoredRecord>(
    `SELECT ${recordColumns} FROM hf_records AS t
     WHERE t.scope = ? AND t.collection = ? AND t.id > ? ORDER BY t.id LIMIT ?`,
    scope,
    collection,
    after,
    recordsMax,
  );
  const records: StoredRecord[] = [];
  let chars = 0;
  let last: string | null = null;
  for (const record of standing) {
    const then =
      record.seq <= seq
        ? record
        : connection.get<StoredRecord>(
            `SELECT ${recordColumns} FROM hf_history AS t
             WHERE t.scope = ? AND t.collection = ? AND t.id = ? AND t.seq <= ? ORDER BY t.seq DESC LIMIT 1`,
            scope,
            collection,
            record.id,
            seq,
          );
    chars += then?.body?.length ?? 0;
    if (chars > charsMax && records.length > 0) return { records, after: last };
    last = record.id;
    if (then) records.push(then);
  }
  return { records, after: standing.length < recordsMax ? null : last };
}

/** Beyond this many collections, reading the scope in one order and leaving out the others is as cheap as merging. */
const mergedMax = 16;

function pageSql(wanted: readonly string[] | undefined): { sql: string; collections: string[] } {
  const select = `SELECT ${recordColumns} FROM hf_records AS t`;
  const behind = 't.scope = ?1 AND t.stamp > ?2';
  if (wanted === undefined)
    return { sql: `${select} WHERE ${behind} ORDER BY t.stamp LIMIT ?3`, collections: [] };
  const collections = [...new Set(wanted)];
  if (collections.length > mergedMax || collections.length === 0) {
    return {
      sql: `${select} INDEXED BY hf_records_stamp WHERE ${behind}
            AND t.collection IN (SELECT atom FROM jsonb_each(?4)) ORDER BY t.stamp LIMIT ?3`,
      collections: [JSON.stringify(collections)],
    };
  }
  // SQLite merges the parts, each of which its index gives in order, and stops at the limit.
  const parts = collections.map(
    (_, at) =>
      `SELECT * FROM (${select} INDEXED BY hf_records_collection WHERE ${behind} AND t.collection = ?${at + 4})`,
  );
  return { sql: `${parts.join(' UNION ALL ')} ORDER BY stamp LIMIT ?3`, collections };
}

/** How far devices have read a scope. */
export function readPositions(connection: Connection, scope: string, device?: string): ReadPosition[] {
  return connection.all<ReadPosition>(
    `SELECT t.scope, t.device, t.collection, t.sent, t.confirmed FROM hf_reads AS t WHERE t.scope = ?
     ${device === undefined ? '' : 'AND t.device = ?'} ORDER BY t.device, t.collection`,
    scope,
    ...(device === undefined ? [] : [device]),
  );
}
