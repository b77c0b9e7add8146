// A view for each declared collection, so that reports are plain SQL: its live records with the fields of the schema as
// columns. JSON's true and false are 1 and 0, lists and objects are JSON text, null and absent are NULL.

import type { Collection, Schema } from '@holdfast/core';
import { parsed } from './columns.ts';
import type { Connection } from './connection.ts';
import { readMeta, writeMeta } from './migrate.ts';

const signatureKey = 'views';

/** Makes the views anew when the schema declares others than those that are there. Runs in the caller's transaction. */
export function refreshViews(connection: Connection, schema: Schema): void {
  const before = parsed<View[]>(readMeta(connection, signatureKey) ?? '[]');
  const views = viewsOf(schema, foreignNames(connection, before));
  if (JSON.stringify(views) === JSON.stringify(before)) return;
  for (const { name } of before) connection.exec(`DROP VIEW IF EXISTS ${quoted(name)}`);
  for (const { sql } of views) connection.exec(sql);
  writeMeta(connection, signatureKey, JSON.stringify(views));
}

/** What is in the database besides these views: a name that an operator's own table has is not free. */
function foreignNames(connection: Connection, views: readonly View[]): Set<string> {
  const ours = new Set(views.map(({ name }) => name.toLowerCase()));
  const names = connection.all<{ name: string }>('SELECT lower(name) AS name FROM sqlite_schema');
  return new Set(names.map(({ name }) => name).filter((name) => !ours.has(name)));
}

interface View {
  name: string;
  sql: string;
}

/** Names of tables and views are compared without case, and those that begin with sqlite_ are SQLite's own. */
function viewsOf(schema: Schema, taken: Set<string>): View[] {
  return [...schema.collections.values()].map((collection) => {
    const wanted = /^sqlite_/i.test(collection.name) ? `_${collection.name}` : collection.name;
    const name = freeName(wanted, taken);
    return { name, sql: viewSql(name, collection) };
  });
}

function viewSql(name: string, collection: Collection): string {
  const taken = new Set(['scope', 'id', 'version']);
  const fields = Object.keys(collection.fields.shape).map(
    (field) =>
      `json_extract(body, ${text(`$.${JSON.stringify(field)}`)}) AS ${quoted(freeName(field, taken))}`,
  );
  return `CREATE VIEW ${quoted(name)} AS SELECT ${['scope', 'id', 'seq AS version', ...fields].join(', ')}
    FROM hf_records WHERE collection = ${text(collection.name)} AND body IS NOT NULL`;
}

/** The name, or with the lowest number behind it that makes it differ from all before it. */
function freeName(wanted: string, taken: Set<string>): string {
  let name = wanted;
  for (let n = 2; taken.has(name.toLowerCase()); n++) name = `${wanted}_${n}`;
  taken.add(name.toLowerCase());
  return name;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}
