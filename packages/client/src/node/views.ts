// For each collection of the schema an SQL view under its plain name, so that a report about a replica is plain SQL:
//
//   select sum(quantity) from items;            id, then the fields in the order of the schema, then scope and version
//   select * from items where scope = 'shop-1' and id = 'a';
//
// A view shows what the application reads, unsettled writes included. Booleans are 1 and 0; objects and arrays are JSON text.

import type { DatabaseSync } from 'node:sqlite';
import type { Collection, Schema } from '@holdfast/core';

/** Makes the file's views those of the schema; what is so already stays untouched. Other people's views are left alone. */
export function syncViews(db: DatabaseSync, schema: Schema): void {
  const found = db
    .prepare("SELECT type, name, coalesce(sql, '') AS sql FROM sqlite_schema")
    .all() as unknown as Found[];
  const ours = new Map(found.filter(isOurs).map(({ name, sql }) => [name, sql]));
  const taken = found.filter((entry) => !isOurs(entry)).map(({ name }) => name);
  const wanted = viewsOf(schema, taken);
  const stale = [...ours].filter(([name, sql]) => wanted.get(name) !== sql).map(([name]) => name);
  const missing = [...wanted].filter(([name, sql]) => ours.get(name) !== sql).map(([, sql]) => sql);
  if (stale.length === 0 && missing.length === 0) return;
  db.exec('BEGIN IMMEDIATE');
  for (const name of stale) db.exec(`DROP VIEW ${quoted(name)}`);
  for (const sql of missing) db.exec(sql);
  db.exec('COMMIT');
}

/** View name → its definition, as SQLite keeps it. */
export function viewsOf(schema: Schema, taken: readonly string[] = []): ReadonlyMap<string, string> {
  const names = new Names(taken);
  const views = new Map<string, string>();
  for (const collection of schema.collections.values()) {
    const name = names.claim(viewName(collection.name));
    views.set(name, `CREATE VIEW ${quoted(name)} AS ${mark}\n${selectOf(collection)}`);
  }
  return views;
}

interface Found {
  type: string;
  name: string;
  sql: string;
}

/** Stands in the definition of every view of ours; SQLite keeps comments. */
const mark = '/* Holdfast makes this view anew when the schema changes. */';

function isOurs({ type, sql }: Found): boolean {
  return type === 'view' && sql.includes(mark);
}

/**
 * The records of one collection lie together within their scope, and there are few scopes: one step through the table for each.
 * A plain `where collection = …` would read every record of every collection.
 */
function selectOf(collection: Collection): string {
  const names = new Names(['id', 'scope', 'version']);
  const fields = Object.keys(collection.fields.shape).map(
    (field) => `${fieldValue(field)} AS ${quoted(names.claim(field))}`,
  );
  const columns = ['r.id', ...fields, 'r.scope', "json_extract(r.value, '$.version') AS version"];
  return `WITH RECURSIVE s(scope) AS (
  SELECT min(scope) FROM hf_records
  UNION ALL
  SELECT (SELECT min(scope) FROM hf_records WHERE scope > s.scope) FROM s WHERE s.scope IS NOT NULL
)
SELECT ${columns.join(',\n  ')}
FROM s CROSS JOIN hf_records AS r ON r.scope = s.scope AND r.collection = ${literal(collection.name)}`;
}

/** SQLite's JSON paths cannot name a key that JSON text escapes; such a one is looked for among all members. */
function fieldValue(field: string): string {
  const plain = JSON.stringify(field) === `"${field}"`;
  if (plain) return `json_extract(r.value, ${literal(`$.body."${field}"`)})`;
  return `(SELECT value FROM json_each(r.value, '$.body') WHERE key = ${literal(field)})`;
}

/** SQLite keeps names that begin with sqlite_ to itself, and a view named json_each would hide the function from the views above. */
function viewName(collection: string): string {
  return /^(sqlite_|json_each$)/i.test(collection) ? `_${collection}` : collection;
}

/** Names of one list, each once: SQL does not tell upper from lower case, and a field may be called `version`. */
class Names {
  readonly #taken: Set<string>;

  constructor(taken: readonly string[]) {
    this.#taken = new Set(taken.map((name) => name.toLowerCase()));
  }

  /** The name itself or, when it is taken, the name with _2, _3 and so on. */
  claim(name: string): string {
    let free = name;
    for (let number = 2; this.#taken.has(free.toLowerCase()); number += 1) free = `${name}_${number}`;
    this.#taken.add(free.toLowerCase());
    return free;
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
