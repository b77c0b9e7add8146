// A person's answer to a conflict on this device: what is stored, shown and sent. What the server makes of it is tested with the
// real one (server/decisions.test.ts).

import { defaultLimits, defineSchema } from '@holdfast/core';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { makeDecision } from './make-decision.ts';
import { openBench, shopSchema } from './replica.fixture.ts';
import { checkStorage } from './storage-check.fixture.ts';

/** 'a' is 'theirs' with 5, and this device, which wants 'mine' and 2 more, is asked. */
async function inConflict() {
  const bench = await openBench();
  const { shop, server } = bench;
  server.write('items', 'a', { name: 'old', quantity: 5 });
  await shop.sync();
  await shop.mutate(async (tx) => {
    await tx.items.patch('a', { name: 'mine' });
    await tx.items.add('a', { quantity: 2 });
  });
  server.write('items', 'a', { name: 'theirs', quantity: 5 });
  const [entry] = await shop.outbox.list();
  const mutation = entry!.mutation;
  server.conflicts.push({
    ...{ id: 7, collection: 'items', record: 'a', fields: ['name'], state: 'open', policy: 'ask' },
    ...{ base: { name: 'old' }, server: { name: 'theirs', quantity: 5 }, serverVersion: 2 },
    ...{ device: mutation.changes.map((change) => ({ ...change })), mutations: [mutation.id] },
  });
  server.judge = ({ changes }) =>
    changes[0]?.type === 'resolve'
      ? { verdict: 'applied' }
      : { verdict: 'conflict', code: 'conflict_open', conflicts: [7] };
  await shop.sync();
  const check = async () => expect(await checkStorage(bench.storage, shopSchema, 'shop-1')).toEqual([]);
  const sent = async () => (await shop.outbox.list()).at(-1)?.mutation.changes;
  return { ...bench, check, sent, item: () => shop.items.get('a') };
}

describe('what an answer is foreseen to do is shown until its verdict is in the records', () => {
  test('the device’s side: its changes, counters too, and what is written on top', async () => {
    const { shop, check, item, sent } = await inConflict();
    expect(await item()).toEqual({ id: 'a', name: 'theirs', quantity: 5 });
    await shop.conflicts.resolve(7, 'device');
    expect(await sent()).toEqual([
      { type: 'resolve', collection: 'items', id: 'a', base: 2, conflict: 7, answer: 'device' },
    ]);
    expect(await item()).toEqual({ id: 'a', name: 'mine', quantity: 7 });
    await shop.items.add('a', { quantity: 1 });
    expect(await item()).toEqual({ id: 'a', name: 'mine', quantity: 8 });
    await check();
  });

  test('a value: what a put of it would change, counters by the difference', async () => {
    const { shop, check, item, sent } = await inConflict();
    await shop.conflicts.resolve(7, { value: { name: 'both', quantity: 9 } });
    expect(await sent()).toMatchObject([
      { answer: 'value', body: { name: 'both', quantity: 9 }, replaced: { name: 'theirs', quantity: 5 } },
    ]);
    expect(await item()).toEqual({ id: 'a', name: 'both', quantity: 9 });
    await check();
  });

  test('the server’s side: nothing', async () => {
    const { shop, check, item } = await inConflict();
    await shop.conflicts.resolve(7, 'server');
    expect(await item()).toEqual({ id: 'a', name: 'theirs', quantity: 5 });
    await check();
  });

  test('a later answer for the device’s side keeps showing it over a restart', async () => {
    const { shop, reopen } = await inConflict();
    await shop.conflicts.resolve(7, 'device');
    const again = await reopen();
    expect(await again.shop.items.get('a')).toEqual({ id: 'a', name: 'mine', quantity: 7 });
    expect(await again.shop.conflicts.list()).toMatchObject([{ id: 7, decision: { answer: 'device' } }]);
  });

  test('until somebody else’s answer is in the records: no effect is seen twice', async () => {
    const { shop, server, replica, check, item } = await inConflict();
    await shop.conflicts.resolve(7, 'device');
    server.write('items', 'a', { name: 'mine', quantity: 7 });
    const [held] = await shop.outbox.list();
    const [seq, asOf] = [server.head, server.head];
    server.tell(await replica.id(), { mutation: held!.mutation.id, verdict: 'merged', seq, asOf });
    server.conflicts.length = 0;
    await shop.sync({ minPriority: 10 });
    expect(await shop.outbox.list()).toMatchObject([{ state: 'unsent' }]);
    expect(await item()).toEqual({ id: 'a', name: 'mine', quantity: 7 });
    await check();
  });

  test('until it is rejected', async () => {
    const { shop, server, check, item } = await inConflict();
    server.judge = () => ({ verdict: 'rejected', code: 'conflict_changed' });
    await shop.conflicts.resolve(7, 'device');
    await shop.sync();
    expect(await item()).toEqual({ id: 'a', name: 'theirs', quantity: 5 });
    expect(await shop.quarantine.list()).toMatchObject([{ code: 'conflict_changed' }]);
    await check();
  });
});

test('an answer goes behind what was written to the record before, and before what was written after', async () => {
  const { shop, server } = await inConflict();
  await shop.items.patch('a', { note: 'before' });
  await shop.conflicts.resolve(7, 'server');
  await shop.items.patch('a', { note: 'after' });
  server.judge = () => ({ verdict: 'applied' });
  await shop.sync();
  const types = server.requests.at(-1)?.batch?.mutations.map(({ changes }) => changes[0]?.type);
  expect(types).toEqual(['patch', 'resolve', 'patch']);
});

test('of settled conflicts the last hundred are kept', async () => {
  const { shop, server, replica } = await openBench();
  const mutations: string[] = [];
  for (let id = 1; id <= 103; id += 1) {
    await shop.items.put({ id: `i${id}`, name: 'x' });
    const mutation = (await shop.outbox.list({ limit: 200 })).at(-1)!.mutation.id;
    mutations.push(mutation);
    server.conflicts.push({
      ...{ id, collection: 'items', record: `i${id}`, fields: [], state: 'open', policy: 'ask' },
      ...{ base: {}, server: null, serverVersion: 0, device: [], mutations: [mutation] },
    });
  }
  server.judge = ({ id }) => ({ verdict: 'conflict', conflicts: [mutations.indexOf(id) + 1] });
  expect(await shop.sync()).toMatchObject({ conflicts: 103 });
  for (const mutation of mutations)
    server.tell(await replica.id(), { mutation, verdict: 'merged', asOf: server.head });
  server.conflicts.length = 0;
  expect(await shop.sync()).toMatchObject({ conflicts: 0 });
  const settled = await shop.conflicts.list({ state: 'settled', limit: 200 });
  expect(settled.map(({ id }) => id)).toEqual(Array.from({ length: 100 }, (_, place) => place + 4));
  expect(await shop.status()).toMatchObject({ conflicts: 0, pending: 0 });
});

test('a value keeps what the schema of the device does not know, and an omitted counter', () => {
  const schema = defineSchema({
    version: 1,
    collections: {
      items: {
        kind: 'request',
        fields: z.object({ name: z.string(), left: z.number() }),
        counters: { left: {} },
      },
    },
  });
  const context = { schema, collection: schema.collections.get('items')!, id: 'a', limits: defaultLimits };
  const standing = { body: { name: 'old', left: 3, later: true }, version: 4 };
  const decide = (value: Record<string, unknown>, stood: Parameters<typeof makeDecision>[1] = standing) =>
    makeDecision({ conflict: 1, answer: 'value', value }, stood, context);
  expect(decide({ name: 'new' })).toMatchObject({
    change: { base: 4, body: { name: 'new', left: 3, later: true }, replaced: { name: 'old' } },
  });
  expect(decide({ name: 'old' })).toMatchObject({ change: { body: standing.body, replaced: {} }, shown: [] });
  expect(decide({ name: 'new', left: 1 }, { body: null, version: 4 })).toMatchObject({
    change: { type: 'resolve', base: 4, body: { name: 'new', left: 1 } },
    shown: [{ type: 'put', base: 4 }],
  });
  expect(decide({ name: 7 })).toMatchObject({ type: 'problem', problem: { code: 'invalid_record' } });
});
