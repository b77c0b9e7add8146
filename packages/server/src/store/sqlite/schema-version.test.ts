// An older schema on what a later one has written.

import { DatabaseSync } from 'node:sqlite';
import { defineSchema } from '@holdfast/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import type { Store } from '../port.ts';
import { push, puts } from '../push.fixture.ts';
import { heldMutation, record, series, write, writesOf } from '../writes.fixture.ts';
import { createTestFolder, type TestFolder } from './sqlite.fixture.ts';

let folder: TestFolder;
beforeEach(() => {
  folder = createTestFolder();
});
afterEach(() => folder.remove());

function withDatabase<Result>(work: (database: DatabaseSync) => Result): Result {
  const database = new DatabaseSync(folder.file);
  try {
    return work(database);
  } finally {
    database.close();
  }
}

test('a schema older than what was written is refused; one that loses nothing is not', async () => {
  const collections = { items: { kind: 'request' as const, fields: z.object({ name: z.string() }) } };
  const schemaOf = (version: number) => defineSchema({ version, collections });
  const open = async (n: number, version: number, work?: (store: Store) => Promise<unknown>) => {
    const store = await folder.open(n, { schema: schemaOf(version) });
    await work?.(store);
    await store.close();
  };
  await open(1, 2);
  // Nothing was written under version 2.
  await open(2, 1);
  await open(3, 2, (store) =>
    push(store, { changes: puts(1, () => ({ name: 'new' })), schema: schemaOf(2) }),
  );
  const refused = {
    code: 'newer',
    message: expect.stringMatching(/records of schema version 2, and this config has version 1/),
  };
  const rows = () => withDatabase((database) => database.prepare('SELECT * FROM hf_meta ORDER BY key').all());
  const before = rows();
  await expect(open(4, 1)).rejects.toMatchObject(refused);
  expect(rows()).toEqual(before);
  await open(4, 3);
  await open(5, 2);
  // A version that an older one of the schema has superseded is history, and not lost either.
  await open(6, 2, (store) =>
    write(store, {
      ...series(2, 2, () => ({ id: 'items-0', schema: 1 })),
      history: [{ record: record(1, { schema: 2 }), supersededAt: 1 }],
    }),
  );
  await expect(open(7, 1)).rejects.toMatchObject(refused);
  // A database on which it was not noted yet.
  withDatabase((database) => database.exec("DELETE FROM hf_meta WHERE key = 'schema'"));
  await expect(open(7, 1)).rejects.toMatchObject(refused);
  await open(7, 2);
});

test('a held mutation of a later schema counts, too', async () => {
  const store = await folder.open(1);
  const held = heldMutation('h', { waitsFor: ['items/a'] });
  const later = { ...held, mutation: { ...held.mutation, schema: 9 } };
  await write(store, writesOf({ scope: { held: 1 }, held: { put: [later], remove: [] } }));
  await store.close();
  withDatabase((database) => database.exec("UPDATE hf_meta SET value = '9' WHERE key = 'schema'"));
  await expect(folder.open(2)).rejects.toMatchObject({ code: 'newer' });
});
