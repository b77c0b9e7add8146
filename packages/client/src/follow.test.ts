// A replica that hears of changes as they come: pages that fit are applied, all else is pulled, and no effect is seen twice or
// vanishes, whichever of page and answer is quicker.

import { type ExchangeRequest, type LivePage, protocolMarker } from '@holdfast/core';
import { expect, test } from 'vitest';
import { FakeServer } from './fake-server.fixture.ts';
import type { ReplicaOptions } from './options.ts';
import { openBench, settle, shopSchema } from './replica.fixture.ts';
import { checkStorage } from './storage-check.fixture.ts';
import { createLoopbackTransport } from './transport/loopback.ts';
import type { Following, LiveWord, Transport } from './transport/port.ts';

/** A replica whose server speaks when the test says so. */
async function openLive(options: Partial<ReplicaOptions<typeof shopSchema>> = {}) {
  const server = new FakeServer(shopSchema);
  const following = new Map<string, Following>();
  let hurried = 0;
  const loopback = createLoopbackTransport({ handler: server.handler });
  const transport: Transport = {
    exchange: loopback.exchange,
    follow: (one) => {
      following.set(one.scope, one);
      return () => following.delete(one.scope);
    },
    hurry: () => {
      hurried += 1;
    },
  };
  const bench = await openBench({ server, transport, automatic: { everyMs: 60_000 }, ...options });
  await settle();
  const say = (word: LiveWord): void => following.get('shop-1')?.hear(word);
  const shown = async () => (await bench.shop.status()).seq;
  return {
    ...bench,
    following,
    say,
    shown,
    hurried: () => hurried,
    /** All that came behind `from`, as the server would page it. */
    pageFrom: (from: string, mutations: readonly string[] = []): LivePage => {
      const { checkpoint, head, records } = server.serve({ ...pulling, checkpoint: from });
      return {
        protocol: protocolMarker,
        from,
        checkpoint: checkpoint ?? '',
        head,
        records,
        mutations: [...mutations],
      };
    },
    exchanges: () => server.requests.length,
  };
}

const pulling: ExchangeRequest = {
  protocol: protocolMarker,
  device: 'd',
  replica: 'nobody',
  scope: 'shop-1',
  checkpoint: null,
  schema: 1,
  clock: { wall: 0, mono: 0, session: 's' },
  verdictsSeen: 0,
};

test('a page that continues the checkpoint is visible at once, without an exchange', async () => {
  const { shop, server, say, pageFrom, exchanges } = await openLive();
  const before = exchanges();
  server.write('items', 'a', { name: 'a' });
  say({ type: 'page', page: pageFrom('0') });
  await settle();
  expect(await shop.items.get('a')).toMatchObject({ name: 'a' });
  server.write('items', 'b', { name: 'b' });
  say({ type: 'page', page: pageFrom('1') });
  await settle();
  expect(await shop.items.get('b')).toMatchObject({ name: 'b' });
  expect(await shop.status()).toMatchObject({ seq: 2, head: 2 });
  expect(exchanges()).toBe(before);
});

test('a page that comes a second time changes nothing, and asks for nothing', async () => {
  const { server, say, pageFrom, exchanges, shown } = await openLive();
  const before = exchanges();
  server.write('items', 'a', { name: 'a' });
  const page = pageFrom('0');
  say({ type: 'page', page });
  await settle();
  say({ type: 'page', page });
  await settle();
  expect(await shown()).toBe(1);
  expect(exchanges()).toBe(before);
});

test('a page that does not continue it is not applied: the replica pulls', async () => {
  const { shop, server, say, pageFrom, exchanges } = await openLive();
  const before = exchanges();
  server.write('items', 'a', { name: 'a' });
  server.write('items', 'b', { name: 'b' });
  say({ type: 'page', page: pageFrom('1') });
  await settle();
  expect(await shop.items.list()).toHaveLength(2);
  expect(exchanges()).toBe(before + 1);
});

test('a poke is a pull; one in the middle of an exchange is one more behind it', async () => {
  const { shop, server, say, exchanges } = await openLive();
  const before = exchanges();
  let release: (() => void) | undefined;
  server.hooks = [
    async (request) => {
      const answer = server.serve(request);
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return { status: 200, body: JSON.stringify(answer) };
    },
  ];
  say({ type: 'poke' });
  await settle();
  server.write('items', 'a', { name: 'a' });
  say({ type: 'poke' });
  release?.();
  await settle();
  expect(await shop.items.get('a')).toMatchObject({ name: 'a' });
  expect(exchanges()).toBe(before + 2);
});

/** Lets the next exchange be served, and keeps its answer back until it is called. */
function holdAnswer(server: FakeServer): () => Promise<void> {
  let release: (() => void) | undefined;
  server.hooks.push(async (_, serve) => {
    const body = JSON.stringify(serve());
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    return { status: 200, body };
  });
  return async () => {
    release?.();
    await settle();
  };
}

test('its own change that a page brings before the answer is seen once at every moment', async () => {
  const { shop, server, say, pageFrom, storage } = await openLive();
  server.write('items', 'tea', { name: 'Tea', quantity: 10 });
  say({ type: 'page', page: pageFrom('0') });
  await settle();
  const seen: (number | undefined)[] = [];
  shop.items.get.subscribe('tea', (record) => seen.push(record?.quantity));
  await settle();
  const release = holdAnswer(server);
  await shop.items.add('tea', { quantity: -3 });
  await settle();
  const [entry] = await shop.outbox.list();
  say({ type: 'page', page: pageFrom('1', [entry!.mutation.id]) });
  await settle();
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
  // What is written on top counts from what is seen.
  await shop.items.add('tea', { quantity: -1 });
  await release();
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
  expect(seen).toEqual([10, 7, 6]);
  expect(server.body('items', 'tea')).toMatchObject({ quantity: 6 });
  expect(await shop.status()).toMatchObject({ pending: 0, seq: 3 });
});

test('what a decision let go, and a page brings before its answer, is seen once', async () => {
  const { shop, server, storage, say, pageFrom } = await openLive();
  server.write('items', 'a', { name: 'theirs', quantity: 5 });
  say({ type: 'page', page: pageFrom('0') });
  await settle();
  server.judge = ({ id, changes }) => {
    const device = changes.map((change) => ({ ...change }));
    server.conflicts.push({
      ...{ id: 7, collection: 'items', record: 'a', fields: [], state: 'open', policy: 'ask' },
      ...{ base: {}, server: { name: 'theirs' }, serverVersion: 1, device, mutations: [id] },
    });
    return { verdict: 'conflict', conflicts: [7] };
  };
  await shop.items.add('a', { quantity: 2 });
  await settle();
  const [held] = await shop.outbox.list();
  expect(held).toMatchObject({ state: 'conflict' });
  server.judge = () => ({ verdict: 'applied' });
  const answer = holdAnswer(server);
  await shop.conflicts.resolve(7, 'device');
  await settle();
  const seen = async () => (await shop.items.get('a'))?.quantity;
  expect(await seen()).toBe(7);
  server.write('items', 'a', { name: 'theirs', quantity: 7 });
  say({ type: 'page', page: pageFrom('1', [held!.mutation.id]) });
  await settle();
  expect(await seen()).toBe(7);
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
  await answer();
  expect(await seen()).toBe(7);
});

test('an answer that a page was quicker than is not asked for again', async () => {
  const { shop, server, say, pageFrom, exchanges } = await openLive();
  const release = holdAnswer(server);
  await shop.items.put({ id: 'a', name: 'a' });
  await settle();
  const asked = exchanges();
  const [entry] = await shop.outbox.list();
  say({ type: 'page', page: pageFrom('0', [entry!.mutation.id]) });
  await settle();
  await release();
  expect(await shop.status()).toMatchObject({ pending: 0, seq: 1, state: 'idle' });
  expect(exchanges()).toBe(asked);
});

test('a mutation that waited is pulled for when a page names it', async () => {
  const { shop, server, say, pageFrom, replica } = await openLive();
  server.judge = (mutation) => ({ mutation: mutation.id, verdict: 'waiting', code: 'parent_missing' });
  await shop.sales.put({ id: 's', item: 'tea', total: 5 });
  await settle();
  const [entry] = await shop.outbox.list();
  expect(entry?.state).toBe('waiting');
  server.applyKnown(entry!.mutation.id);
  server.tell(await replica.id(), { mutation: entry!.mutation.id, verdict: 'applied', asOf: server.head });
  say({ type: 'page', page: pageFrom('0', [entry!.mutation.id]) });
  await settle();
  expect(await shop.outbox.list()).toEqual([]);
  expect(await shop.sales.get('s')).toMatchObject({ total: 5 });
});

test('a page in the middle of a run is left to the run', async () => {
  const { shop, server, say, pageFrom } = await openLive();
  server.pageRecords = 1;
  for (const id of ['a', 'b', 'c']) server.write('items', id, { name: id });
  const release = holdAnswer(server);
  const releaseNext = holdAnswer(server);
  say({ type: 'poke' });
  await settle();
  await release();
  expect(await shop.items.list()).toEqual([]);
  server.pageRecords = 1_000;
  server.write('items', 'd', { name: 'd' });
  say({ type: 'page', page: pageFrom('1') });
  await settle();
  expect(await shop.items.list()).toEqual([]);
  await releaseNext();
  expect(await shop.items.list()).toHaveLength(4);
});

test.each([3, 200])(
  '%i pages that come quicker than they can be stored make no queue: what is let go is pulled',
  async (count) => {
    const { shop, server, say, pageFrom, exchanges } = await openLive();
    const before = exchanges();
    for (let n = 0; n < count; n += 1) {
      server.write('items', `i${n}`, { name: `${n}` });
      say({ type: 'page', page: pageFrom(String(n)) });
    }
    await settle();
    expect(await shop.items.list({ limit: 1_000 })).toHaveLength(count);
    expect(exchanges() - before).toBeLessThan(5);
  },
);

test('while the server tells what comes, the replica says so, and asks ten times as seldom', async () => {
  const { shop, say, time, exchanges } = await openLive();
  expect((await shop.status()).live).toBe(false);
  say({ type: 'opened' });
  expect((await shop.status()).live).toBe(true);
  const before = exchanges();
  await time.pass(590_000);
  expect(exchanges()).toBe(before);
  await time.pass(100_000);
  expect(exchanges()).toBe(before + 1);
  say({ type: 'closed' });
  expect((await shop.status()).live).toBe(false);
  await time.pass(70_000);
  expect(exchanges()).toBe(before + 2);
});

test('a poke does not end a wait that the server asked for; a line that opens ends one for want of a network', async () => {
  const { shop, server, say, exchanges } = await openLive();
  server.hooks = [() => ({ status: 503, headers: { 'retry-after': '30' }, body: '' })];
  await shop.items.put({ id: 'a', name: 'a' });
  await settle();
  const before = exchanges();
  say({ type: 'poke' });
  say({ type: 'opened' });
  await settle();
  expect(exchanges()).toBe(before);
  const other = await openLive();
  other.server.hooks = [
    () => {
      throw new Error('no route');
    },
  ];
  await other.shop.items.put({ id: 'a', name: 'a' });
  await settle();
  expect((await other.shop.status()).state).toBe('offline');
  other.say({ type: 'opened' });
  await settle();
  expect(await other.shop.status()).toMatchObject({ state: 'idle', pending: 0 });
});

test('with live false, and without a loop that runs by itself, nobody listens', async () => {
  expect((await openLive({ automatic: { everyMs: 1_000, live: false } })).following.size).toBe(0);
  expect((await openLive()).following.size).toBe(1);
});

test('the network’s return and new credentials hurry the line; closing ends it', async () => {
  const { replica, hurried, following } = await openLive();
  replica.setOnline(false);
  expect(hurried()).toBe(0);
  replica.setOnline(true);
  replica.resume();
  expect(hurried()).toBe(2);
  await replica.close();
  expect(following.size).toBe(0);
});
