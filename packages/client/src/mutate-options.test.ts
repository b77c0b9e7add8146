// A priority for one mutation, and what its outbox entry says of the moment at which it was made.

import { expect, test } from 'vitest';
import { openBench, settle } from './replica.fixture.ts';

test('a priority of its own decides what an incremental sync sends', async () => {
  const { shop } = await openBench();
  await shop.mutate((tx) => tx.notes.put({ id: 'urgent', text: 'Call back' }), { priority: 9 });
  await shop.mutate((tx) => tx.sales.put({ id: 'late', item: 'a', total: 500 }), { priority: 1 });
  expect((await shop.outbox.list()).map(({ priority }) => priority)).toEqual([9, 1]);
  expect(await shop.sync({ minPriority: 8 })).toMatchObject({ ok: true, pushed: 1 });
  expect((await shop.outbox.list()).map(({ mutation }) => mutation.changes[0]?.id)).toEqual(['late']);
});

test('resent from the quarantine, it is as urgent as it was', async () => {
  const { shop, server } = await openBench();
  await shop.mutate((tx) => tx.notes.put({ id: 'n', text: 'Call back' }), { priority: 9 });
  server.judge = () => ({ verdict: 'rejected', code: 'forbidden' });
  await shop.sync();
  const [item] = await shop.quarantine.list();
  await shop.quarantine.resend(item?.place ?? 0);
  expect(await shop.outbox.list()).toMatchObject([{ priority: 9 }]);
});

test('a priority that is none is refused, and nothing is written', async () => {
  const { shop } = await openBench();
  for (const priority of [0, 11, 2.5, Number.NaN])
    await expect(shop.mutate((tx) => tx.notes.put({ id: 'n', text: '' }), { priority })).rejects.toThrow(
      'priority',
    );
  expect(await shop.notes.list()).toEqual([]);
});

test('an entry says whether it was made while the server was out of reach', async () => {
  const { shop, server, replica } = await openBench();
  const made = async (): Promise<(boolean | undefined)[]> =>
    (await shop.outbox.list()).map(({ madeOffline }) => madeOffline);
  await shop.notes.put({ text: 'not known yet' });
  server.hooks = [
    () => {
      throw new Error('The network is down.');
    },
  ];
  await shop.sync();
  await shop.notes.put({ text: 'out of reach' });
  expect(await made()).toEqual([undefined, true]);
  await shop.sync();
  await shop.notes.put({ text: 'reached' });
  replica.setOnline(false);
  await shop.notes.put({ text: 'says the platform' });
  expect(await made()).toEqual([undefined, true]);
  await settle();
});

test('a replica that works alone is offline', async () => {
  const { replica } = await openBench({ transport: undefined } as never);
  const shop = replica.scope('shop-1');
  await shop.notes.put({ text: 'alone' });
  expect(await shop.outbox.list()).toMatchObject([{ madeOffline: true }]);
});
