// Grants: they end only by the list in a marked 200, and then the scope's records go and its unsent work is kept aside.

import { expect, test } from 'vitest';
import { bare, type Hook, refusal } from './fake-server.fixture.ts';
import { openBench, shopSchema } from './replica.fixture.ts';
import { checkStorage } from './storage-check.fixture.ts';

const both = [
  { scope: 'shop-1', right: 'write' as const },
  { scope: 'shop-2', right: 'write' as const },
];

test('a scope that is missing from the list has ended: records removed, unsent work in the quarantine, status says so', async () => {
  const { shop, server, replica, storage } = await openBench();
  server.grants = both;
  server.write('items', 'a', { name: 'a' });
  await shop.sync();
  await shop.items.patch('a', { price: 1 });
  await shop.items.put({ id: 'b', name: 'b' });
  await shop.items.patch('b', { price: 2 });
  server.grants = [{ scope: 'shop-2', right: 'write' }];
  // The news may come with another scope's answer.
  expect(await replica.scope('shop-2').sync()).toMatchObject({ ok: true });
  expect(await shop.items.list()).toEqual([]);
  expect(await shop.outbox.list()).toEqual([]);
  const items = await shop.quarantine.list();
  expect(items.map(({ code, undecided, dependsOn }) => [code, undecided, dependsOn])).toEqual([
    ['no_grant', false, undefined],
    ['no_grant', false, undefined],
    ['no_grant', false, undefined],
  ]);
  expect(await shop.status()).toMatchObject({
    state: 'ended',
    bootstrapping: false,
    pending: 0,
    quarantined: 3,
  });
  await expect(shop.items.put({ name: 'x' })).rejects.toMatchObject({ code: 'no_grant' });
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
});

test('what may have reached the server before the grant ended stays in the outbox until it is answered', async () => {
  const { shop, server, replica, storage } = await openBench();
  server.grants = both;
  await shop.items.put({ id: 'a', name: 'a' });
  server.hooks = [
    (_, serve) => {
      serve();
      throw new Error('cut');
    },
  ];
  await shop.sync();
  server.grants = [{ scope: 'shop-2', right: 'write' }];
  await replica.scope('shop-2').sync();
  expect((await shop.outbox.list()).map(({ state }) => state)).toEqual(['sent']);
  expect(await shop.items.list()).toEqual([]);
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
  server.requests.length = 0;
  server.hooks = [() => bare(403)];
  await shop.sync();
  expect(server.requests.map(({ batch }) => batch)).toEqual([undefined]);
  server.grants = both;
  await replica.scope('shop-2').sync();
  expect(await shop.items.list()).toEqual([]);
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
  expect(await shop.sync()).toMatchObject({ ok: true });
  expect(await shop.outbox.list()).toEqual([]);
  expect((await shop.items.list()).map(({ id }) => id)).toEqual(['a']);
});

test('what waited in a scope that was taken away and given again is visible whole, on top of what the server has', async () => {
  const { shop, server, replica, storage } = await openBench();
  server.grants = both;
  for (const id of ['a', 'b', 'c', 'd']) server.write('items', id, { name: id, quantity: 5 });
  await shop.sync();
  await shop.mutate(async (tx) => {
    await tx.items.put({ id: 'new', name: 'new', quantity: 2 });
    await tx.items.add('a', { quantity: -2 });
  });
  server.hooks = [
    () => {
      throw new Error('cut');
    },
  ];
  await shop.sync();
  server.grants = [{ scope: 'shop-2', right: 'write' }];
  await replica.scope('shop-2').sync();
  server.grants = both;
  await replica.scope('shop-2').sync();
  // Written anew while nothing has been read yet: that is seen at once.
  await shop.items.put({ id: 'own', name: 'own', quantity: 0 });
  server.pageRecords = 1;
  server.judge = () => ({ verdict: 'waiting' });
  const seen: [string, number | undefined][][] = [];
  const look: Hook = async () => {
    seen.push((await shop.items.list()).map(({ id, quantity }) => [id, quantity]));
    return undefined;
  };
  server.hooks = [look, look, look];
  expect(await shop.sync()).toMatchObject({ ok: true });
  expect(seen).toEqual([[['own', 0]], [['own', 0]], [['own', 0]]]);
  await look(server.requests[0]!, () => server.serve(server.requests[0]!));
  expect(seen.at(-1)).toEqual([
    ['a', 3],
    ['b', 5],
    ['c', 5],
    ['d', 5],
    ['new', 2],
    ['own', 0],
  ]);
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
});

test('what lies in the quarantine of an ended scope is not sent again', async () => {
  const { shop, server, replica } = await openBench();
  server.grants = both;
  server.hooks = [
    () => {
      throw new Error('Nobody knows whether it arrived.');
    },
    undefined,
    () => bare(413),
  ];
  await shop.items.put({ id: 'a', name: 'a' });
  await shop.sync();
  await shop.sync();
  server.grants = [{ scope: 'shop-2', right: 'write' }];
  await replica.scope('shop-2').sync();
  const [item] = await shop.quarantine.list();
  expect(item).toMatchObject({ code: 'http_413', undecided: true });
  await expect(shop.quarantine.resend(item!.place)).rejects.toMatchObject({ code: 'no_grant' });
  expect((await shop.quarantine.list()).length).toBe(1);
});

test('an ended scope whose credentials are refused says that it is paused: it comes back with others alone', async () => {
  const { shop, server, replica } = await openBench();
  server.grants = both;
  server.write('items', 'a', { name: 'a' });
  await shop.sync();
  server.grants = [{ scope: 'shop-2', right: 'write' }];
  await shop.sync();
  server.hooks = [() => refusal(401, 'unauthenticated')];
  await shop.sync();
  expect(await shop.status()).toMatchObject({ state: 'paused', reason: { code: 'unauthenticated' } });
  server.grants = both;
  replica.resume();
  expect(await shop.sync()).toMatchObject({ ok: true, pulled: 1 });
  expect(await shop.status()).toMatchObject({ state: 'idle' });
});

test('a scope that is granted again is read afresh, whole', async () => {
  const { shop, server, replica } = await openBench();
  server.grants = both;
  server.write('items', 'a', { name: 'a' });
  await shop.sync();
  server.grants = [{ scope: 'shop-2', right: 'write' }];
  await shop.sync();
  expect(await shop.items.list()).toEqual([]);
  expect(await shop.status()).toMatchObject({ state: 'ended', seq: 0, bootstrapping: false });
  server.grants = 'all';
  await replica.scope('shop-2').sync();
  expect(await shop.status()).toMatchObject({ state: 'idle', bootstrapping: true });
  expect(await shop.sync()).toMatchObject({ ok: true, pulled: 1 });
  expect((await shop.items.list()).map(({ id }) => id)).toEqual(['a']);
});

test('no refusal and no foreign answer ends a grant', async () => {
  const { shop, server } = await openBench();
  server.write('items', 'a', { name: 'a' });
  await shop.sync();
  for (const answer of [
    refusal(403, 'forbidden'),
    bare(403),
    bare(404),
    { status: 200, body: JSON.stringify({ grants: [] }) },
  ]) {
    server.hooks = [() => answer];
    await shop.sync();
    expect((await shop.items.list()).length).toBe(1);
  }
});

test('records that come for a scope in the answer that ends it are not kept', async () => {
  const { shop, server } = await openBench();
  server.write('items', 'a', { name: 'a' });
  server.grants = [];
  expect(await shop.sync()).toMatchObject({ ok: true, pulled: 0 });
  expect(await shop.items.list()).toEqual([]);
});
