// The storage of a browser passes the suite of the port, on an IndexedDB that is written in JavaScript.

import 'fake-indexeddb/auto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { storageContract } from './contract.ts';
import { openIndexedDbStorage } from './indexeddb.ts';
import { databaseRange, fromDatabase, toDatabase } from './indexeddb-key.ts';
import { compareParts } from './range.ts';

let names = 0;

storageContract({
  name: 'IndexedDB',
  open: () => openIndexedDbStorage({ name: `replica-${++names}` }),
  reopen: () => openIndexedDbStorage({ name: `replica-${names}` }),
});

const texts = fc.array(fc.string({ unit: 'binary', maxLength: 4 }), { minLength: 1, maxLength: 3 });

test('any key survives, and keys keep their order', () => {
  fc.assert(
    fc.property(texts, texts, (one, other) => {
      expect(fromDatabase(toDatabase(one))).toEqual(one);
      const order = indexedDB.cmp(toDatabase(one), toDatabase(other));
      expect(order).toBe(Math.sign(compareParts(one, other)));
    }),
  );
});

test('a range holds what begins with its prefix, and nothing else', () => {
  fc.assert(
    fc.property(texts, texts, (key, prefix) => {
      const begins = prefix.every((part, at) => key[at] === part);
      expect(databaseRange({ prefix }).includes(toDatabase(key))).toBe(begins);
    }),
  );
});

test('it is open in one place at a time', async () => {
  const name = `replica-${++names}`;
  const first = await openIndexedDbStorage({ name });
  await expect(openIndexedDbStorage({ name })).rejects.toMatchObject({ name: 'StorageError', code: 'busy' });
  await first.close();
  const second = await openIndexedDbStorage({ name });
  await second.close();
});

test('what awaits something else does not commit half of its work', async () => {
  const storage = await openIndexedDbStorage({ name: `replica-${++names}` });
  const failing = storage.transaction('write', async (tx) => {
    await tx.put('meta', ['half'], 1);
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    throw new Error('No.');
  });
  await expect(failing).rejects.toThrow('No.');
  expect(await storage.transaction('read', (tx) => tx.get('meta', ['half']))).toBeUndefined();
  await storage.close();
});
