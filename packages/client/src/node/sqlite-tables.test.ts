// Files out there were made by these very texts: one that is changed later would leave two kinds of files under one number.

import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { placeKey } from '../index-key.ts';
import { keyColumns, migrate, migrations, sqlTable } from './sqlite-tables.ts';

test('a migration is never changed: a change of the tables is a new one, whose hash is added here', () => {
  const hashes = migrations.map((text) => createHash('sha256').update(text).digest('hex').slice(0, 16));
  expect(hashes).toEqual(['0f5c70d4635a6608', 'e5e18741b605f7ac', 'd9428ecbb4ebabf3', '2dd69326e653ebb4']);
});

test('the migrations make a table with these keys for each table of the storage, and no other', () => {
  const db = new DatabaseSync(':memory:');
  migrate(db);
  const made = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
    .all()
    .map(({ name }) => String(name));
  const keys = made.map((table) => [
    table,
    db
      .prepare('SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk')
      .all(table)
      .map(({ name }) => name),
  ]);
  const expected = Object.entries(keyColumns).map(([table, columns]) => [sqlTable(table as 'meta'), columns]);
  expect(keys.sort()).toEqual([...expected, ['hf_home', []]].sort());
  db.close();
});

test('a run that was staged record by record goes on in parts', () => {
  const db = new DatabaseSync(':memory:');
  for (const text of migrations.slice(0, 3)) db.exec(text);
  db.exec('PRAGMA user_version = 3; PRAGMA application_id = 0x68667270');
  db.prepare('INSERT INTO hf_staged VALUES (?, ?, ?)').run('shop-1', 'items/tea', '{"id":"tea"}');
  migrate(db);
  db.prepare('INSERT INTO hf_staged VALUES (?, ?, ?)').run('shop-1', placeKey(1), '[{"id":"jam"}]');
  const parts = db.prepare('SELECT value FROM hf_staged ORDER BY scope, place').all();
  expect(parts.map(({ value }) => JSON.parse(String(value)))).toEqual([[{ id: 'tea' }], [{ id: 'jam' }]]);
  db.close();
});
