// A cloned or restored storage: the server knows the replica's id from somebody else.

import { expect, test } from 'vitest';
import { bare, type Hook, ok, refusal } from './fake-server.fixture.ts';
import { openBench, shopSchema } from './replica.fixture.ts';
import { checkStorage } from './storage-check.fixture.ts';

test('stale_batch: the replica takes a new id, names the old one, and sends everything unsettled again under its own ids', async () => {
  const { shop, server, replica, storage } = await openBench();
  const old = await replica.id();
  await shop.items.put({ id: 'a', name: 'a' });
  await shop.items.put({ id: 'b', name: 'b' });
  const ids = (await shop.outbox.list()).map(({ mutation }) => mutation.id);
  server.hooks = [() => refusal(409, 'stale_batch')];
  expect(await shop.sync()).toMatchObject({ ok: true, pushed: 2 });
  const renewed = await replica.id();
  expect(renewed).not.toBe(old);
  expect(renewed).toMatch(/^[0-9a-f]{32}$/);
  const last = server.requests.at(-1)!;
  expect(last).toMatchObject({ replica: renewed, former: [{ id: old, seqSeen: 0 }], batch: { n: 1 } });
  expect(last.batch!.mutations.map(({ id }) => id)).toEqual(ids);
  expect(server.requests.at(-1)!.verdictsSeen).toBe(0);
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
});

test('a storage that somebody else advanced meanwhile needs no new id', async () => {
  const { shop, server, replica, storage } = await openBench();
  const old = await replica.id();
  await shop.items.put({ id: 'a', name: 'a' });
  server.hooks = [
    async () => {
      // Another tab reserved the next number.
      await storage.transaction('durable', async (tx) => {
        const progress = (await tx.get('scopes', ['shop-1', 'progress'])) as { batch: number };
        await tx.put('scopes', ['shop-1', 'progress'], { ...progress, batch: progress.batch + 1 });
      });
      return refusal(409, 'stale_batch');
    },
  ];
  expect(await shop.sync()).toMatchObject({ ok: true, pushed: 1 });
  expect(await replica.id()).toBe(old);
  expect(server.requests.flatMap(({ batch }) => batch?.n ?? [])).toEqual([1, 3]);
});

test('after a new id no run becomes visible until every entry that was ever sent is answered again', async () => {
  const bench = await openBench();
  const { shop, server, storage } = bench;
  server.write('items', 'a', { name: 'a', quantity: 10 });
  await shop.sync();
  await shop.items.add('a', { quantity: 1 });
  // The effect is on the server, the answer is lost.
  server.hooks = [
    (_, serve) => {
      serve();
      throw new Error('cut');
    },
  ];
  await shop.sync();
  await shop.items.put({ id: 'b', name: 'b' });
  server.write('items', 'c', { name: 'c' });
  const seen: unknown[] = [];
  const look = async (): Promise<void> => {
    seen.push([(await shop.items.get('a'))?.quantity, (await shop.items.get('c'))?.name]);
  };
  const silent: Hook = async (_, serve) => {
    await look();
    // The page holds the effect; the verdict that says so does not come yet.
    return ok({ ...serve(), verdicts: [] });
  };
  // The verdict went to the clone that shares the id: this one is told of nothing new.
  const nothing: Hook = (request, serve) =>
    ok({ ...serve(), verdicts: [], records: [], checkpoint: request.checkpoint, head: 1 });
  server.hooks = [nothing, () => refusal(409, 'stale_batch'), silent, silent, silent, silent, silent];
  await shop.sync();
  await look();
  expect(seen.at(-1)).toEqual([11, undefined]);
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
  server.hooks = [];
  expect(await shop.sync()).toMatchObject({ ok: true });
  await look();
  expect(seen.at(-1)).toEqual([11, 'c']);
  expect(await shop.outbox.list()).toEqual([]);
});

test('a new id counts in every scope: what was sent there is sent again, too', async () => {
  const { shop, server, replica, storage } = await openBench();
  const other = replica.scope('shop-2');
  await other.items.put({ id: 'x', name: 'x' });
  server.judge = () => ({ verdict: 'waiting' });
  await other.sync();
  await shop.items.put({ id: 'a', name: 'a' });
  server.hooks = [() => refusal(409, 'stale_batch')];
  await shop.sync();
  expect((await other.outbox.list())[0]).toMatchObject({ state: 'waiting', again: true });
  server.requests.length = 0;
  await other.sync();
  expect(server.requests[0]?.batch?.mutations.map(({ changes }) => changes[0]?.id)).toEqual(['x']);
  expect((await other.outbox.list())[0]).toMatchObject({ state: 'waiting' });
  expect((await other.outbox.list())[0]).not.toHaveProperty('again');
  expect(await checkStorage(storage, shopSchema, 'shop-2')).toEqual([]);
});

test('what looks unsent may have been sent by another life of the storage: its effect is not seen twice', async () => {
  const { shop, server, storage } = await openBench();
  server.write('items', 'a', { name: 'a', quantity: 10 });
  await shop.sync();
  await shop.items.add('a', { quantity: 1 });
  const [entry] = await shop.outbox.list();
  await shop.sales.put({ item: 'a', total: 500 });
  const { batch: _, ...last } = server.requests.at(-1)!;
  server.serve({ ...last, batch: { n: 1, mutations: [entry!.mutation] } });
  const seen: unknown[] = [];
  const look: Hook = async () => {
    seen.push((await shop.items.get('a'))?.quantity);
    return undefined;
  };
  const silent: Hook = async (request, serve) => {
    await look(request, serve);
    return ok({ ...serve(), verdicts: [] });
  };
  server.hooks = [() => refusal(409, 'stale_batch'), silent, silent, look, look];
  await shop.sync({ minPriority: 9 });
  await look(last, () => server.serve(last));
  await shop.sync();
  expect(new Set(seen)).toEqual(new Set([11]));
  expect((await shop.items.get('a'))?.quantity).toBe(11);
  expect(await shop.outbox.list()).toEqual([]);
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
});

test('everything is answered again before a run becomes visible, also what a sync did not ask for', async () => {
  const { shop, server } = await openBench();
  await shop.notes.put({ text: 'low' });
  await shop.sales.put({ item: 'x', total: 500 });
  server.write('items', 'a', { name: 'a' });
  server.hooks = [() => refusal(409, 'stale_batch')];
  expect(await shop.sync({ minPriority: 9 })).toMatchObject({ ok: true, pushed: 2 });
  expect(await shop.items.get('a')).toMatchObject({ name: 'a' });
});

test('what stands behind one that waits is sent there, too, so that runs become visible', async () => {
  const { shop, server, storage } = await openBench();
  await shop.items.put({ id: 'x', name: 'x' });
  server.judge = () => ({ verdict: 'waiting' });
  await shop.sync();
  await shop.items.patch('x', { name: 'y' });
  expect(await shop.sync()).toMatchObject({ ok: true, pushed: 0 });
  await shop.notes.put({ text: 'stale' });
  server.write('items', 'a', { name: 'a' });
  // The batch is cut, so that the first one has its answer before the second is sent.
  server.hooks = [() => refusal(409, 'stale_batch'), () => refusal(413, 'too_large')];
  await shop.sync();
  expect((await shop.outbox.list()).map(({ state }) => state)).toEqual(['waiting', 'waiting', 'waiting']);
  expect(await shop.items.get('a')).toMatchObject({ name: 'a' });
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
});

test('what stands behind a held one stays there, and keeps no run from becoming visible', async () => {
  const { shop, server, storage } = await openBench();
  await shop.items.put({ id: 'x', name: 'x' });
  server.hooks = [
    ({ batch, ...rest }) => {
      const [made] = batch!.mutations;
      const errors = [{ mutation: made!.id, code: 'id_reused', message: 'Used before.' }];
      return ok({ ...server.serve(rest), errors });
    },
  ];
  await shop.sync();
  await shop.items.patch('x', { name: 'y' });
  await shop.notes.put({ text: 'stale' });
  server.write('items', 'a', { name: 'a' });
  server.hooks = [() => refusal(409, 'stale_batch')];
  await shop.sync();
  expect((await shop.outbox.list()).map(({ state }) => state)).toEqual(['held', 'sent']);
  expect(await shop.items.get('a')).toMatchObject({ name: 'a' });
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
});

test('a new commit of a mutation that this replica never had: a copy goes by its id, and nothing of the answer is taken', async () => {
  const { shop, server, replica, storage } = await openBench();
  const old = await replica.id();
  server.judge = () => ({ verdict: 'applied', seq: server.head + 1 });
  await shop.items.put({ id: 'a', name: 'a' });
  await shop.sync();
  await shop.items.patch('a', { name: 'mine' });
  server.write('items', 'a', { name: 'copy' });
  server.tell(old, { mutation: 'made by the copy', verdict: 'applied', seq: 2, asOf: 2 });
  server.requests.length = 0;
  expect(await shop.sync({ minPriority: 9 })).toMatchObject({ ok: true, verdicts: { applied: 1 } });
  expect(server.requests.map((request) => [request.replica === old, request.seqSeen])).toEqual([
    [true, 1],
    [false, 0],
  ]);
  const asked = server.requests[1]!;
  expect(asked).toMatchObject({ former: [{ id: old, seqSeen: 1 }], verdictsSeen: 0, batch: { n: 1 } });
  await shop.sync();
  expect(server.requests.at(-1)).toMatchObject({ seqSeen: 3, verdictsSeen: 1 });
  // The change was made on what it had seen, and goes as it was made.
  expect(asked.batch!.mutations[0]?.changes[0]).toMatchObject({ base: 1 });
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
});

test('a mutation that waits and that this replica never had shows a copy, too', async () => {
  const { shop, server, replica } = await openBench();
  const old = await replica.id();
  server.tell(old, { mutation: 'made by the copy', verdict: 'waiting', asOf: 1, code: 'parent_missing' });
  expect(await shop.sync()).toMatchObject({ ok: true });
  expect(await replica.id()).not.toBe(old);
});

test('verdicts that are told again, and those that change nothing, show no copy', async () => {
  const { shop, server, replica } = await openBench();
  const id = await replica.id();
  server.judge = () => ({ verdict: 'applied', seq: server.head + 1 });
  await shop.items.put({ id: 'a', name: 'a' });
  await shop.sync();
  const { mutation } = server.log(id)[0]!;
  server.tell(id, { mutation, verdict: 'applied', seq: 1, asOf: 7 });
  server.tell(id, { mutation: 'dropped here', verdict: 'rejected', asOf: 7 });
  server.tell(id, { mutation: 'a no-op', verdict: 'applied', asOf: 7 });
  expect(await shop.sync()).toMatchObject({ ok: true });
  expect(await replica.id()).toBe(id);
  expect(server.requests.at(-1)).toMatchObject({ seqSeen: 1 });
});

test('an answer to the former id changes nothing', async () => {
  const bench = await openBench();
  const { shop, server, storage } = bench;
  server.write('items', 'a', { name: 'a' });
  server.hooks = [
    async (_, serve) => {
      const answer = serve();
      await storage.transaction('durable', (tx) => tx.put('meta', ['replica'], { id: 'f'.repeat(32) }));
      return ok(answer);
    },
    () => bare(503),
  ];
  await shop.sync();
  expect(await shop.items.list()).toEqual([]);
  expect(await shop.sync()).toMatchObject({ ok: true });
  expect((await shop.items.list()).length).toBe(1);
});

test('at most sixteen former ids are named', async () => {
  const { shop, server } = await openBench();
  for (let n = 0; n < 20; n += 1) {
    await shop.items.put({ name: `n${n}` });
    server.hooks = [() => refusal(409, 'stale_batch')];
    expect(await shop.sync()).toMatchObject({ ok: true });
  }
  expect(server.requests.at(-1)!.former?.length).toBe(16);
});
