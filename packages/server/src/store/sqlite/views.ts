// A view for each declared collection, so that reports are plain SQL: its live records with the fields of the schema as
// columns. A preset declares others.

import type { Collection, Schema } from '@holdfast/core';
import type { RecordView, SqlView } from '../sql-views.ts';
import { parsed } from './columns.ts';
import type { Connection } from './connection.ts';
import { readMeta, writeMeta } from './migrate.ts';
import {
  columnsSql,
  conflictTable,
  deviceTable,
  fieldSql,
  freeName,
  quoted,
  recordTable,
  syncTable,
  text,
} from './view-columns.ts';

const signatureKey = 'views';

interface Declared {
  schema: Schema;
  views: readonly SqlView[];
}

/** Makes the views anew when others are declared than those that are there. Runs in the caller's transaction. */
export function refreshViews(connection: Connection, declared: Declared): void {
  const before = parsed<View[]>(readMeta(connection, signatureKey) ?? '[]');
  const views = viewsOf(declared, foreignNames(connection, before));
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

/** A preset's views first: they are promised by name. A collection that none of them stands for has its plain one. */
function viewsOf({ schema, views }: Declared, taken: Set<string>): View[] {
  const standIns = new Set(views.map((view) => ('collection' in view ? view.collection : undefined)));
  const plain = [...schema.collections.values()].filter(({ name }) => !standIns.has(name)).map(plainView);
  return [...views, ...plain].map((view) => {
    // Names that begin with sqlite_ are SQLite's own.
    const name = freeName(/^sqlite_/i.test(view.name) ? `_${view.name}` : view.name, taken);
    return { name, sql: `CREATE VIEW ${quoted(name)} AS SELECT ${selectSql(view, schema)}` };
  });
}

function plainView({ name }: Collection): RecordView {
  const columns = { scope: 'scope', id: 'id', version: 'version' } as const;
  return { name, collection: name, columns, fields: 'all' };
}

function selectSql(view: SqlView, schema: Schema): string {
  if ('collection' in view) return recordsSql(view, schema);
  const taken = new Set<string>();
  switch (view.table) {
    case 'devices':
      return `${columnsSql(deviceTable, view.columns, taken).join(', ')} FROM ${deviceTable.from}`;
    case 'syncs':
      return `${columnsSql(syncTable, view.columns, taken).join(', ')} FROM ${syncTable.from}`;
    case 'conflicts':
      return `${columnsSql(conflictTable, view.columns, taken).join(', ')} FROM ${conflictTable.from}`;
  }
}

function recordsSql({ collection, columns, fields = 'none' }: RecordView, schema: Schema): string {
  const taken = new Set<string>();
  const named = columnsSql(recordTable, columns, taken);
  const known = fields === 'none' ? [] : Object.keys(schema.collections.get(collection)?.fields.shape ?? {});
  const others = known
    .filter((field) => fields === 'all' || !Object.hasOwn(columns, field))
    .map((field) => `${fieldSql(recordTable.facts.body, field)} AS ${quoted(freeName(field, taken))}`);
  return `${[...named, ...others].join(', ')}
    FROM ${recordTable.from} WHERE t.collection = ${text(collection)} AND t.body IS NOT NULL`;
}
