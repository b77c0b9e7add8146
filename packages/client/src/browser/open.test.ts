// The replica as a page opens it, on an IndexedDB that is written in JavaScript.

import { expect, test } from 'vitest';
import { FakeServer } from '../fake-server.fixture.ts';
import { shopSchema } from '../replica.fixture.ts';
import { createLoopbackTransport } from '../transport/loopback.ts';
import { openReplica } from './open.ts';
import { setNetwork } from './page.fixture.ts';

let names = 0;

function open(name: string, server = new FakeServer(shopSchema)) {
  const transport = createLoopbackTransport({ handler: server.handler });
  return openReplica({ schema: shopSchema, name, transport });
}

test('what was written is there after the page was left, and is sent then', async () => {
  const name = `page-${++names}`;
  const server = new FakeServer(shopSchema);
  const first = await open(name, server);
  await first.scope('shop-1').items.put({ id: 'a', name: 'Apple', quantity: 3 });
  const { device } = await first.status();
  await first.close();
  const again = await open(name, server);
  const shop = again.scope('shop-1');
  expect(await shop.items.get('a')).toEqual({ id: 'a', name: 'Apple', quantity: 3 });
  expect(await shop.items.where({ where: { name: { prefix: 'A' } } })).toHaveLength(1);
  expect(await shop.sync()).toMatchObject({ ok: true, pushed: 1 });
  expect(server.body('items', 'a')).toEqual({ name: 'Apple', quantity: 3 });
  expect((await again.status()).device).toBe(device);
  await again.close();
});

test('a refused write leaves nothing, and another tab is told to wait', async () => {
  const name = `page-${++names}`;
  const replica = await open(name);
  const shop = replica.scope('shop-1');
  const failing = shop.mutate(async (tx) => {
    await tx.items.put({ id: 'a', name: 'Apple' });
    throw new Error('No.');
  });
  await expect(failing).rejects.toThrow('No.');
  expect([await shop.items.list(), (await shop.status()).pending]).toEqual([[], 0]);
  await expect(open(name)).rejects.toMatchObject({ name: 'StorageError', code: 'busy' });
  await replica.close();
});

test('it follows what the browser says of the network, until it is closed', async () => {
  const replica = await open(`page-${++names}`);
  const shop = replica.scope('shop-1');
  await shop.sync();
  setNetwork(false);
  expect((await shop.status()).state).toBe('offline');
  setNetwork(true);
  expect((await shop.status()).state).toBe('idle');
  await replica.close();
  // Told now, a closed replica would throw.
  setNetwork(false);
  setNetwork(true);
});
