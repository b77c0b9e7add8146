// The batch behind the one in flight is cut while the server works, and leaves when the answer of that one begins and changes nothing.

import { expect, test } from 'vitest';
import { FakeServer, type Hook, ok, refusal } from './fake-server.fixture.ts';
import { type Bench, openBench, shopSchema } from './replica.fixture.ts';
import { createMemoryStorage } from './storage/memory.ts';
import { type Storage, StorageError } from './storage/port.ts';
import { checkStorage } from './storage-check.fixture.ts';

/** An outbox of notes, two of which fill a batch. */
async function openNotes(ids: readonly string[], storage: Storage = createMemoryStorage()): Promise<Bench> {
  const server = new FakeServer(shopSchema);
  const bench = await openBench({ server, storage, limits: { batchMutationsMax: 2 } });
  await bench.shop.sync();
  server.requests.length = 0;
  for (const id of ids) await bench.shop.notes.put({ id, text: id });
  return bench;
}

/** Number and records of each batch that was sent. */
const batches = ({ server }: Bench): [number, string][] =>
  server.requests.flatMap(({ batch }) =>
    batch ? [[batch.n, batch.mutations.map(({ changes }) => changes[0]?.id).join()] as [number, string]] : [],
  );

const states = async ({ shop }: Bench): Promise<string[]> =>
  (await shop.outbox.list()).map(({ state, mutation }) => `${mutation.changes[0]?.id} ${state}`);

/** Notes at the end of each durable transaction, before it is committed, what `look` says. */
function watched(look: () => number, seen: number[]): Storage {
  const storage = createMemoryStorage();
  return {
    close: () => storage.close(),
    transaction: (mode, work) =>
      storage.transaction(mode, async (tx) => {
        const result = await work(tx);
        if (mode === 'durable') seen.push(look());
        return result;
      }),
  };
}

test('the next batch leaves while the answer to the last is stored, and each is sent once', async () => {
  const sent: number[] = [];
  let bench: Bench | undefined;
  const storage = watched(() => (bench ? batches(bench).length : 0), sent);
  bench = await openNotes(['a', 'b', 'c', 'd', 'e'], storage);
  sent.length = 0;
  const { server } = bench;
  server.judge = () => ({ verdict: 'applied', seq: server.head + 1 });
  expect(await bench.shop.sync()).toMatchObject({ ok: true, pushed: 5, verdicts: { applied: 5 } });
  expect(batches(bench)).toEqual([
    [1, 'a,b'],
    [2, 'c,d'],
    [3, 'e'],
  ]);
  // The first is prepared, the second cut while that is under way, and gone before the first answer is stored.
  expect(sent.slice(0, 3)).toEqual([0, 1, 2]);
  // The server may forget what it is told that the replica has: only what is stored.
  expect(bench.server.requests.map(({ verdictsSeen }) => verdictsSeen).slice(0, 3)).toEqual([0, 0, 2]);
  // What the first batch wrote is this replica's own for the second.
  expect(bench.server.requests.map(({ seqSeen }) => seqSeen).slice(0, 3)).toEqual([0, 2, 4]);
  expect(await states(bench)).toEqual([]);
  expect((await bench.shop.notes.list()).map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('an answer that rejects something is stored first: what was built on it does not leave', async () => {
  const bench = await openNotes(['a', 'b']);
  await bench.shop.notes.patch('b', { text: 'later' });
  await bench.shop.notes.put({ id: 'c', text: 'c' });
  bench.server.judge = ({ changes }) =>
    changes[0]?.id === 'b' ? { verdict: 'rejected', code: 'x' } : { verdict: 'applied' };
  expect(await bench.shop.sync()).toMatchObject({ ok: true, pushed: 3 });
  expect(batches(bench)).toEqual([
    [1, 'a,b'],
    [2, 'c'],
  ]);
  expect((await bench.shop.quarantine.list()).length).toBe(2);
  expect(await checkStorage(bench.storage, shopSchema, 'shop-1')).toEqual([]);
});

test('what was cut behind a batch that is refused counts as never sent, and its number as never used', async () => {
  const bench = await openNotes(['a', 'b', 'c', 'd']);
  bench.server.hooks = [() => refusal(429, 'busy')];
  expect(await bench.shop.sync()).toMatchObject({ ok: false });
  expect((await states(bench)).slice(2)).toEqual(['c unsent', 'd unsent']);
  await bench.time.pass(600_000);
  expect(await bench.shop.sync()).toMatchObject({ ok: true });
  expect(batches(bench).map(([n]) => n)).toEqual([1, 2, 3, 4, 5]);
});

test('a copy of the storage is found out by its number, though another was cut behind it', async () => {
  const bench = await openNotes(['a', 'b', 'c', 'd']);
  bench.server.hooks = [() => refusal(409, 'stale_batch')];
  expect(await bench.shop.sync()).toMatchObject({ ok: true });
  const [first, second] = bench.server.requests;
  expect(second?.replica).not.toBe(first?.replica);
  expect(second?.former).toMatchObject([{ id: first?.replica }]);
});

test('an answer that tells of a copy of the storage is read first: nothing more leaves under the id that both use', async () => {
  const bench = await openNotes(['a', 'b', 'c', 'd']);
  const copied: Hook = (request) => {
    bench.server.tell(request.replica, { mutation: 'of a copy', verdict: 'applied', seq: 1, asOf: 1 });
    return undefined;
  };
  bench.server.hooks = [copied];
  expect(await bench.shop.sync()).toMatchObject({ ok: true });
  const [first, second] = bench.server.requests;
  expect(second?.replica).not.toBe(first?.replica);
});

test('a page that comes meanwhile makes what has left one whose answer was lost', async () => {
  const bench = await openNotes(['a', 'b', 'c', 'd']);
  const other: Hook = (_, serve) => {
    const answer = serve();
    // As if somebody else had moved the checkpoint: this page continues nothing.
    return ok({ ...answer, from: 'elsewhere' });
  };
  bench.server.hooks = [other];
  expect(await bench.shop.sync()).toMatchObject({ ok: true, verdicts: { applied: 4 } });
  expect(batches(bench)).toEqual([
    [1, 'a,b'],
    [2, 'c,d'],
    [3, 'c,d'],
  ]);
  expect(await states(bench)).toEqual([]);
});

test('a disk that is full while the next batch is cut ends the pass; nothing of it has left', async () => {
  const inner = createMemoryStorage();
  let durable = 0;
  const storage: Storage = {
    close: () => inner.close(),
    transaction: (mode, work) =>
      inner.transaction(mode, async (tx) => {
        const result = await work(tx);
        if (mode === 'durable') durable += 1;
        if (durable === 2) throw new StorageError('full', 'injected');
        return result;
      }),
  };
  const bench = await openNotes(['a', 'b', 'c'], storage);
  durable = 0;
  expect(await bench.shop.sync()).toMatchObject({ ok: false, reason: { code: 'storage_full' } });
  durable = 3;
  expect(batches(bench)).toEqual([[1, 'a,b']]);
  await bench.time.pass(600_000);
  expect(await bench.shop.sync()).toMatchObject({ ok: true });
  expect((await bench.shop.notes.list()).map(({ id }) => id)).toEqual(['a', 'b', 'c']);
});
