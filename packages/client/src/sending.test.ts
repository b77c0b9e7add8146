// A write that the loop sends at once leaves with the transaction that made it: nothing else has to last before.

import { expect, test } from 'vitest';
import { type Bench, openBench, settle } from './replica.fixture.ts';
import { createMemoryStorage } from './storage/memory.ts';
import { type Storage, StorageError } from './storage/port.ts';

const automatic = { everyMs: 60_000 };

/** `done` is called when the work of a transaction is done, and before anybody hears of it. */
async function open(done: (mode: string, ran: 'in' | 'behind') => Promise<void> | void): Promise<Bench> {
  const inner = createMemoryStorage();
  const storage: Storage = {
    async transaction(mode, work) {
      const result = await inner.transaction(mode, async (tx) => {
        const worked = await work(tx);
        await done(mode, 'in');
        return worked;
      });
      await done(mode, 'behind');
      return result;
    },
    close: () => inner.close(),
  };
  const bench = await openBench({ automatic, storage });
  await settle();
  return bench;
}

const numbers = ({ server }: Bench): number[] => server.requests.flatMap(({ batch }) => batch?.n ?? []);

test('a write that is alone in the outbox leaves after one durable transaction', async () => {
  const modes: string[] = [];
  const bench = await open((mode, ran) => void (ran === 'in' && modes.push(mode)));
  modes.length = 0;
  let before: string[] = [];
  bench.server.hooks = [
    async () => {
      before = modes.filter((mode) => mode === 'durable');
      return undefined;
    },
  ];
  await bench.shop.items.put({ id: 'a', name: 'a' });
  expect((await bench.shop.outbox.list()).map(({ state }) => state)).toEqual(['sent']);
  await settle();
  expect(before).toEqual(['durable']);
  expect(numbers(bench)).toEqual([1]);
  expect(await bench.shop.status()).toMatchObject({ state: 'idle', pending: 0 });
});

test('one that is not committed is not sent, and one behind it takes its number', async () => {
  let full = false;
  const bench = await open((mode, ran) => {
    if (full && mode === 'durable' && ran === 'in') throw new StorageError('full', 'injected');
  });
  full = true;
  await expect(bench.shop.items.put({ id: 'a', name: 'a' })).rejects.toThrow('injected');
  full = false;
  await settle();
  expect(numbers(bench)).toEqual([]);
  await bench.shop.items.put({ id: 'b', name: 'b' });
  await settle();
  expect(numbers(bench)).toEqual([1]);
  expect([...bench.server.records.keys()]).toEqual(['items/b']);
});

test('when the loop begins by itself before the write is told, the entry goes once, under a number that only rises', async () => {
  let begins = false;
  const bench: Bench = await open(async (mode, ran) => {
    if (!begins || mode !== 'durable' || ran === 'in') return;
    begins = false;
    // The whole of it: the entry is answered before its writer hears that it is written.
    expect(await bench.shop.sync()).toMatchObject({ ok: true, pushed: 1 });
  });
  begins = true;
  await bench.shop.items.put({ id: 'a', name: 'a' });
  await settle();
  expect(numbers(bench)).toEqual([2]);
  await bench.shop.items.put({ id: 'b', name: 'b' });
  await settle();
  expect(numbers(bench)).toEqual([2, 3]);
});

test('while the loop may not begin it stays unsent', async () => {
  const bench = await open(() => undefined);
  bench.replica.setOnline(false);
  await bench.shop.items.put({ id: 'a', name: 'a' });
  expect((await bench.shop.outbox.list()).map(({ state }) => state)).toEqual(['unsent']);
  bench.replica.setOnline(true);
  await settle();
  expect(numbers(bench)).toEqual([1]);
  expect(await bench.shop.status()).toMatchObject({ pending: 0 });
});

test('behind one that waits it is left to the loop, which keeps it back', async () => {
  const bench = await open(() => undefined);
  bench.server.judge = () => ({ verdict: 'waiting', code: 'parent_missing' });
  await bench.shop.items.put({ id: 'a', name: 'a' });
  await settle();
  await bench.shop.items.put({ id: 'a', name: 'b' });
  await settle();
  expect((await bench.shop.outbox.list()).map(({ state }) => state)).toEqual(['waiting', 'unsent']);
  expect(numbers(bench)).toEqual([1]);
});

test('a refused one counts as unsent again', async () => {
  const bench = await open(() => undefined);
  bench.server.hooks = [() => ({ status: 403, headers: {}, body: '{"protocol":"holdfast/1"}' })];
  await bench.shop.items.put({ id: 'a', name: 'a' });
  await settle();
  expect((await bench.shop.outbox.list()).map(({ state }) => state)).toEqual(['unsent']);
});
