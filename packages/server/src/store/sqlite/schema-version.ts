// Which version of the schema the database was last served with: an older one would not know what has been written since.

import { StoreError } from '../port.ts';
import type { Connection } from './connection.ts';
import { readMeta, writeMeta } from './migrate.ts';

const metaKey = 'schema';

/**
 * Notes the version that is served from now on. Throws a StoreError `newer`, and changes nothing, when a later one has written
 * something that is still there: served by this one, it would stand in no view, and its devices would be shut out.
 */
export function enterSchema(connection: Connection, version: number): void {
  const before = readMeta(connection, metaKey);
  if (before === String(version)) return;
  if (before === undefined || Number(before) > version) refuseLater(connection, version);
  writeMeta(connection, metaKey, String(version));
}

/** The version that the database was last served with; undefined when it was not noted yet. */
export function servedSchema(connection: Connection): number | undefined {
  const text = readMeta(connection, metaKey);
  return text === undefined ? undefined : Number(text);
}

/** Reads all records; that is for the rare start with another version than the last. */
function refuseLater(connection: Connection, version: number): void {
  const later = connection.get<{ schema: number | null }>(
    `SELECT max(schema) AS schema FROM (
       SELECT max(t.schema) AS schema FROM hf_records AS t
       UNION ALL SELECT max(t.schema) FROM hf_history AS t
       UNION ALL SELECT max(t.content ->> '$.mutation.schema') FROM hf_held AS t)`,
  )?.schema;
  if (later == null || later <= version) return;
  throw new StoreError(
    'newer',
    `The database holds records of schema version ${later}, and this config has version ${version}. It was not changed.`,
  );
}
