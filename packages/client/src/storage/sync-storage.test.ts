// A long transaction over a driver that answers at once: the event loop gets its turns meanwhile, and nobody sees a part of it.

import { expect, test } from 'vitest';
import { MemoryDriver } from './memory-driver.ts';
import type { Storage, StorageEntry } from './port.ts';
import { createSyncStorage } from './sync-storage.ts';

function open(): { storage: Storage; turns: () => number } {
  let turns = 0;
  const driver = new MemoryDriver<string>({
    keep: ({ value }) => JSON.stringify(value),
    valueOf: (text) => JSON.parse(text),
    entryOf: (text, readKey) => ({ key: readKey(), value: JSON.parse(text) }),
  });
  const turn = (): Promise<void> =>
    new Promise((resolve) => {
      turns += 1;
      setImmediate(resolve);
    });
  return { storage: createSyncStorage(driver, turn), turns: () => turns };
}

function entries(count: number): StorageEntry[] {
  return Array.from({ length: count }, (_, n) => ({ key: ['s', 'c', String(n).padStart(6, '0')], value: n }));
}

test('a long write takes turns; a read that comes meanwhile waits for all of it', async () => {
  const { storage, turns } = open();
  const many = entries(10_000);
  let during = 0;
  const writing = storage.transaction('write', async (tx) => {
    const before = turns();
    for (let at = 0; at < many.length; at += 500) await tx.putMany('records', many.slice(at, at + 500));
    during = turns() - before;
  });
  const seen = storage.transaction('read', (tx) => tx.scan('records', { prefix: ['s'], limit: 20_000 }));
  await writing;
  expect(during).toBeGreaterThanOrEqual(10);
  expect(await seen).toHaveLength(10_000);
});

test('a long read takes turns, and sees one state', async () => {
  const { storage, turns } = open();
  await storage.transaction('write', (tx) => tx.putMany('records', entries(5_000)));
  const before = turns();
  let during = 0;
  const reading = storage.transaction('read', async (tx) => {
    let found = 0;
    let after: readonly string[] | undefined;
    for (;;) {
      const read = await tx.scan('records', { prefix: ['s'], limit: 500, ...(after ? { after } : {}) });
      found += read.length;
      after = read.at(-1)?.key;
      if (read.length < 500) break;
    }
    during = turns() - before;
    return found;
  });
  const deleting = storage.transaction('write', (tx) => tx.deleteAll('records', ['s']));
  expect(await reading).toBe(5_000);
  expect(during).toBeGreaterThanOrEqual(5);
  await deleting;
});

test('calls take effect in the order in which they were made, also across a turn', async () => {
  const { storage } = open();
  await storage.transaction('write', async (tx) => {
    const long = tx.putMany('records', entries(2_000));
    const short = tx.put('records', ['s', 'c', '000000'], 'last');
    await Promise.all([long, short]);
  });
  expect(await storage.transaction('read', (tx) => tx.get('records', ['s', 'c', '000000']))).toBe('last');
});

test('a short transaction takes none but the one behind it', async () => {
  const { storage, turns } = open();
  await storage.transaction('write', (tx) => tx.putMany('records', entries(20)));
  expect(turns()).toBe(1);
  await storage.transaction('read', (tx) => tx.get('records', ['s', 'c', '000001']));
  expect(turns()).toBe(1);
});
