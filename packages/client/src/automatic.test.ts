// A replica that syncs by itself: after writes, after failures, when the network returns; and calls of sync() in between.

import { expect, test } from 'vitest';
import { bare, type Hook } from './fake-server.fixture.ts';
import { openBench, seededRandom, settle, shopSchema } from './replica.fixture.ts';
import { createReplica } from './replica.ts';
import { createLoopbackTransport } from './transport/loopback.ts';

const automatic = { everyMs: 60_000 };

test('a write is sent without being asked for, and pages come at intervals', async () => {
  const { shop, server, time } = await openBench({ automatic });
  await shop.items.put({ id: 'a', name: 'a' });
  await settle();
  expect(server.body('items', 'a')).toEqual({ name: 'a' });
  server.write('items', 'b', { name: 'b' });
  await time.pass(50_000);
  expect(await shop.items.get('b')).toBeUndefined();
  await time.pass(20_000);
  expect(await shop.items.get('b')).toMatchObject({ name: 'b' });
});

test('writes while an exchange is in flight go with the next; one batch is in flight at a time', async () => {
  const { shop, server } = await openBench({ automatic });
  await settle();
  let inFlight = 0;
  let release: (() => void) | undefined;
  const slow: Hook = async () => {
    inFlight += 1;
    expect(inFlight).toBe(1);
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    inFlight -= 1;
    return undefined;
  };
  server.hooks = [slow, slow];
  await shop.items.put({ id: 'a', name: 'a' });
  await settle();
  await shop.items.put({ id: 'b', name: 'b' });
  await shop.items.put({ id: 'c', name: 'c' });
  const asked = shop.sync();
  await settle();
  release?.();
  await settle();
  release?.();
  expect(await asked).toMatchObject({ ok: true });
  expect(server.requests.flatMap(({ batch }) => (batch ? [batch.mutations.length] : []))).toEqual([1, 2]);
});

test('after failures it tries again by itself, ever more slowly, and at once when the network returns', async () => {
  const { shop, server, time, replica } = await openBench({ automatic });
  await settle();
  const start = server.requests.length;
  server.hooks = Array.from(
    { length: 50 },
    (): Hook => () => {
      throw new Error('no route');
    },
  );
  await shop.items.put({ id: 'a', name: 'a' });
  await time.pass(1_000);
  const early = server.requests.length - start;
  expect(early).toBeGreaterThanOrEqual(2);
  await time.pass(600_000);
  const late = server.requests.length - start;
  // Full jitter under ceilings of 1, 2, 4 … 60 seconds: half a minute on average in the end.
  expect(late).toBeLessThan(50);
  expect(await shop.status()).toMatchObject({
    state: 'offline',
    pending: 1,
    reason: { code: 'unreachable' },
  });
  replica.setOnline(false);
  await time.pass(600_000);
  expect(server.requests.length - start).toBe(late);
  server.hooks = [];
  replica.setOnline(true);
  await settle();
  expect(await shop.status()).toMatchObject({ state: 'idle', pending: 0 });
  expect(server.body('items', 'a')).toEqual({ name: 'a' });
});

test('after a restart it goes on, also with scopes that nobody asks for', async () => {
  const { shop, server, storage, time } = await openBench();
  await shop.items.put({ id: 'a', name: 'a' });
  await createReplica({
    schema: shopSchema,
    storage,
    automatic,
    device: 'till',
    clock: time,
    timer: time,
    random: seededRandom(3),
    transport: createLoopbackTransport({ handler: server.handler }),
  });
  await settle();
  expect(server.body('items', 'a')).toEqual({ name: 'a' });
});

test('a scope that is opened while there is no network waits for it', async () => {
  const { replica, server } = await openBench({ automatic });
  await settle();
  replica.setOnline(false);
  await replica.scope('shop-2').items.put({ id: 'a', name: 'a' });
  await settle();
  expect(server.records.size).toBe(0);
  replica.setOnline(true);
  await settle();
  expect(server.records.size).toBe(1);
});

test('close ends timers and the exchange in flight, and waits for what is being stored', async () => {
  const { shop, server, time, replica } = await openBench({ automatic });
  await settle();
  server.hooks = [() => new Promise(() => undefined)];
  const asked = shop.sync();
  await settle();
  await replica.close();
  expect(await asked).toMatchObject({ ok: false, reason: { code: 'replica_closed' } });
  expect(time.waiting.size).toBe(0);
  await expect(shop.sync()).rejects.toMatchObject({ code: 'replica_closed' });
});

test('sync ends at once when its caller no longer waits, and the exchange that only it wanted is cut', async () => {
  const { shop, server } = await openBench();
  await shop.items.put({ id: 'a', name: 'a' });
  server.hooks = [() => new Promise(() => undefined)];
  const stop = new AbortController();
  const asked = shop.sync({ signal: stop.signal });
  await settle();
  stop.abort();
  expect(await asked).toMatchObject({ ok: false, reason: { code: 'aborted' } });
  await settle();
  expect(await shop.status()).toMatchObject({ state: 'idle', pending: 1 });
  expect(await shop.sync({ signal: stop.signal })).toMatchObject({ ok: false, reason: { code: 'aborted' } });
  expect(await shop.sync()).toMatchObject({ ok: true, pushed: 1 });
});

test('a caller that no longer waits does not end the sync of another', async () => {
  const { shop, server } = await openBench();
  let release: (() => void) | undefined;
  server.hooks = [
    async () => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return undefined;
    },
  ];
  const stop = new AbortController();
  const one = shop.sync({ signal: stop.signal });
  const other = shop.sync();
  await settle();
  stop.abort();
  expect(await one).toMatchObject({ ok: false });
  release?.();
  expect(await other).toMatchObject({ ok: true });
});

test('minPriority sends what is important and leaves the rest', async () => {
  const { shop, server } = await openBench();
  await shop.notes.put({ id: 'n', text: 'low' });
  await shop.sales.put({ id: 's', item: 'x', total: 500 });
  expect(await shop.sync({ minPriority: 9 })).toMatchObject({ ok: true, pushed: 1 });
  expect([...server.records.keys()]).toEqual(['sales/s']);
  expect((await shop.outbox.list()).length).toBe(1);
  expect(await shop.sync()).toMatchObject({ ok: true, pushed: 1 });
});

test('what an aborted call asked for is not sent by the next one', async () => {
  const { shop, server } = await openBench();
  await shop.notes.put({ id: 'n', text: 'low' });
  await shop.sales.put({ id: 's', item: 'x', total: 500 });
  const all = new AbortController();
  const aborted = shop.sync({ signal: all.signal });
  all.abort();
  const urgent = shop.sync({ minPriority: 9 });
  expect(await aborted).toMatchObject({ ok: false, reason: { code: 'aborted' } });
  expect(await urgent).toMatchObject({ ok: true, pushed: 1 });
  expect([...server.records.keys()]).toEqual(['sales/s']);
  expect((await shop.outbox.list()).map(({ state }) => state)).toEqual(['unsent']);
  expect(await shop.sync()).toMatchObject({ ok: true, pushed: 1 });
});

test('an exchange that was cut with the call that wanted it does not fail the next call', async () => {
  const { shop, server } = await openBench();
  await shop.notes.put({ id: 'n', text: 'low' });
  server.hooks = [() => new Promise(() => undefined)];
  const all = new AbortController();
  void shop.sync({ signal: all.signal });
  await settle();
  await shop.sales.put({ id: 's', item: 'x', total: 500 });
  all.abort();
  expect(await shop.sync({ minPriority: 9 })).toMatchObject({ ok: true, pushed: 1 });
  expect([...server.records.keys()]).toEqual(['sales/s']);
});

test('a call for everything that joins one for a part waits for everything', async () => {
  const { shop, server } = await openBench();
  await shop.notes.put({ id: 'n', text: 'low' });
  await shop.sales.put({ id: 's', item: 'x', total: 500 });
  const urgent = shop.sync({ minPriority: 9 });
  const all = shop.sync();
  expect(await all).toMatchObject({ ok: true, pushed: 2 });
  expect(await urgent).toMatchObject({ ok: true });
  expect([...server.records.keys()].sort()).toEqual(['notes/n', 'sales/s']);
});

test('while it tries again, the reason of the last failure is not the state’s', async () => {
  const { shop, server } = await openBench();
  server.hooks = [() => bare(503)];
  await shop.sync();
  expect(await shop.status()).toMatchObject({ state: 'waiting', reason: { code: 'http_503' } });
  const stop = new AbortController();
  server.hooks = [() => new Promise(() => undefined)];
  const asked = shop.sync({ signal: stop.signal });
  await settle();
  const trying = await shop.status();
  expect([trying.state, trying.reason]).toEqual(['syncing', undefined]);
  stop.abort();
  await asked;
  await settle();
  const given = await shop.status();
  expect([given.state, given.reason]).toEqual(['idle', undefined]);
});
