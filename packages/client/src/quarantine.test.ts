// Rejected work: kept with its reason, with what depends on it, until a person corrects, resends or discards it.

import { defineSchema } from '@holdfast/core';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { bare, type FakeServer, ok } from './fake-server.fixture.ts';
import { openBench, shopSchema } from './replica.fixture.ts';
import { checkStorage } from './storage-check.fixture.ts';

function rejects(server: FakeServer, record: string): void {
  server.judge = ({ changes }) =>
    changes.some(({ id }) => id === record)
      ? {
          verdict: 'rejected',
          code: 'unique_taken',
          field: 'changes[0].name',
          message: 'Taken.',
          help: 'Choose another.',
        }
      : { verdict: 'applied' };
}

test('a rejected mutation lies in the quarantine with its reason, and the view is as if it had not been', async () => {
  const { shop, server, storage } = await openBench();
  server.write('items', 'a', { name: 'a', quantity: 1 });
  await shop.sync();
  rejects(server, 'a');
  await shop.mutate(async (tx) => {
    await tx.items.patch('a', { name: 'taken' });
    await tx.items.put({ id: 'b', name: 'b' });
  });
  await shop.items.put({ id: 'c', name: 'c' });
  expect(await shop.sync()).toMatchObject({ ok: true, verdicts: { rejected: 1, applied: 1 } });
  expect(await shop.items.list()).toEqual([
    { id: 'a', name: 'a', quantity: 1 },
    { id: 'c', name: 'c' },
  ]);
  const [item] = await shop.quarantine.list();
  expect(item).toMatchObject({
    code: 'unique_taken',
    field: 'changes[0].name',
    message: 'Taken.',
    help: 'Choose another.',
    rejected: true,
    undecided: false,
    held: false,
    mutation: {
      changes: [
        { type: 'patch', id: 'a', set: { name: 'taken' } },
        { type: 'put', id: 'b' },
      ],
    },
  });
  expect(await shop.status()).toMatchObject({
    pending: 0,
    quarantined: 1,
    lastVerdict: { verdict: 'applied' },
  });
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
});

test('it survives a restart', async () => {
  const bench = await openBench();
  rejects(bench.server, 'a');
  await bench.shop.items.put({ id: 'a', name: 'a' });
  await bench.shop.sync();
  const again = await bench.reopen();
  expect((await again.shop.quarantine.list()).length).toBe(1);
});

test('unsent later work on a record that only the rejected mutation created goes with it, naming it, and what depends on that', async () => {
  const { shop, server, storage } = await openBench({ limits: { batchMutationsMax: 1 } });
  rejects(server, 'a');
  await shop.items.put({ id: 'a', name: 'a' });
  const [first] = await shop.outbox.list();
  await shop.mutate(async (tx) => {
    await tx.items.patch('a', { price: 1 });
    await tx.items.put({ id: 'b', name: 'b' });
  });
  const second = (await shop.outbox.list())[1];
  await shop.items.patch('b', { price: 2 });
  await shop.items.put({ id: 'free', name: 'free' });
  await shop.sync();
  expect(
    (await shop.quarantine.list()).map(({ code, rejected, dependsOn }) => [code, rejected, dependsOn]),
  ).toEqual([
    ['unique_taken', true, undefined],
    ['record_missing', false, first!.mutation.id],
    ['record_missing', false, second!.mutation.id],
  ]);
  expect((await shop.items.list()).map(({ id }) => id)).toEqual(['free']);
  expect(server.known.size).toBe(2);
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
});

test('later work on a record that the server has, or that is put anew, does not go with it', async () => {
  const { shop, server } = await openBench({ limits: { batchMutationsMax: 1 } });
  server.write('items', 'there', { name: 'there' });
  await shop.sync();
  server.judge = ({ changes }) =>
    changes.length === 2 ? { verdict: 'rejected', code: 'unique_taken' } : { verdict: 'applied' };
  await shop.mutate(async (tx) => {
    await tx.items.patch('there', { price: 1 });
    await tx.items.put({ id: 'new', name: 'new' });
  });
  await shop.items.patch('there', { note: 'still wanted' });
  await shop.items.delete('new');
  await shop.items.put({ id: 'new', name: 'by itself' });
  await shop.sync();
  expect(server.body('items', 'there')).toEqual({ name: 'there', note: 'still wanted' });
  expect(server.body('items', 'new')).toEqual({ name: 'by itself' });
  // The delete of what was never created depends on it; the put behind it stands by itself.
  expect((await shop.quarantine.list()).map(({ mutation }) => mutation.changes.length)).toEqual([2, 1]);
});

test('dependent work that was sent gets its own verdict', async () => {
  const { shop, server } = await openBench();
  server.judge = ({ changes }) =>
    changes[0]?.type === 'put' ? { verdict: 'rejected', code: 'unique_taken' } : { verdict: 'waiting' };
  await shop.items.put({ id: 'a', name: 'a' });
  await shop.items.patch('a', { price: 1 });
  await shop.sync();
  expect((await shop.quarantine.list()).length).toBe(1);
  expect((await shop.outbox.list()).map(({ state }) => state)).toEqual(['waiting']);
});

test('dependent work that was sent is seen whole or not at all, until its own verdict tells', async () => {
  const { shop, server, storage, reopen } = await openBench();
  server.write('items', 'a', { name: 'a', quantity: 10 });
  await shop.sync();
  server.judge = ({ changes }) =>
    changes[0]?.type === 'put' ? { verdict: 'rejected', code: 'unique_taken' } : { verdict: 'waiting' };
  await shop.items.put({ id: 'b', name: 'b', quantity: 0 });
  await shop.mutate(async (tx) => {
    await tx.items.add('a', { quantity: -1 });
    await tx.items.add('b', { quantity: 1 });
    await tx.items.put({ id: 'c', name: 'c' });
  });
  await shop.items.patch('c', { price: 1 });
  await shop.items.add('a', { quantity: 5 });
  await shop.sync();
  expect(await shop.items.list()).toEqual([{ id: 'a', name: 'a', quantity: 15 }]);
  expect(await shop.status()).toMatchObject({ pending: 3, quarantined: 1 });
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
  const again = (await reopen()).shop;
  expect((await again.items.get('a'))?.quantity).toBe(15);
});

test('so is work on a record that went into a conflict with the mutation that made it', async () => {
  const { shop, server, storage } = await openBench();
  server.write('items', 'a', { name: 'a', quantity: 10 });
  await shop.sync();
  server.judge = ({ changes }) =>
    changes[0]?.type === 'put'
      ? { verdict: 'conflict', code: 'conflict_open', conflicts: [1] }
      : { verdict: 'waiting' };
  await shop.items.put({ id: 'b', name: 'b', quantity: 0 });
  await shop.mutate(async (tx) => {
    await tx.items.add('a', { quantity: -1 });
    await tx.items.add('b', { quantity: 1 });
  });
  await shop.sync();
  expect(await shop.items.list()).toEqual([{ id: 'a', name: 'a', quantity: 10 }]);
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
});

test('of a fact that was sent the rest stays in sight: the server takes what it can', async () => {
  const { shop, server, storage } = await openBench();
  server.write('items', 'a', { name: 'a', quantity: 10 });
  await shop.sync();
  server.judge = ({ changes }) =>
    changes[0]?.collection === 'items' && changes[0].type === 'put'
      ? { verdict: 'rejected', code: 'unique_taken' }
      : { verdict: 'waiting' };
  await shop.items.put({ id: 'b', name: 'b' });
  await shop.mutate(async (tx) => {
    await tx.sales.put({ id: 's', item: 'a', total: 1 });
    await tx.items.add('a', { quantity: -1 });
    await tx.items.patch('b', { note: 'sold' });
  });
  await shop.sync();
  expect(await shop.items.list()).toEqual([{ id: 'a', name: 'a', quantity: 9 }]);
  expect((await shop.sales.list()).length).toBe(1);
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
});

test('correct: other changes under a new id, made on the record as it is now', async () => {
  const { shop, server, storage } = await openBench();
  rejects(server, 'a');
  await shop.items.put({ id: 'a', name: 'a' });
  await shop.sync();
  const [item] = await shop.quarantine.list();
  server.judge = () => ({ verdict: 'applied' });
  await shop.quarantine.correct(item!.place, async (tx, mutation) => {
    const [change] = mutation.changes;
    expect(change).toMatchObject({ type: 'put', body: { name: 'a' } });
    await tx.items.put({ id: 'a', name: 'another' });
  });
  expect(await shop.quarantine.list()).toEqual([]);
  const [entry] = await shop.outbox.list();
  expect(entry!.mutation.id).not.toBe(item!.mutation.id);
  expect(await shop.sync()).toMatchObject({ ok: true });
  expect(server.body('items', 'a')).toEqual({ name: 'another' });
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
});

test('correct also takes the changes as a list; what is wrong in them leaves the entry where it is', async () => {
  const { shop, server } = await openBench();
  rejects(server, 'a');
  await shop.items.put({ id: 'a', name: 'a' });
  await shop.sync();
  const [item] = await shop.quarantine.list();
  const put = { type: 'put' as const, collection: 'items', id: 'a' };
  await expect(
    shop.quarantine.correct(item!.place, [{ ...put, body: { name: 5 } as never }]),
  ).rejects.toMatchObject({
    code: 'invalid_record',
    field: 'name',
  });
  expect((await shop.quarantine.list()).length).toBe(1);
  await shop.quarantine.correct(item!.place, [{ ...put, body: { name: 'five' } }]);
  expect((await shop.outbox.list())[0]!.mutation.changes).toEqual([{ ...put, body: { name: 'five' } }]);
});

test('resend: the same changes on the records as they are now; a counter moves by what it was to move', async () => {
  const { shop, server } = await openBench();
  server.write('items', 'a', { name: 'a', quantity: 10, price: 1 });
  await shop.sync();
  rejects(server, 'a');
  await shop.items.put({ id: 'a', name: 'mine', quantity: 7, price: 1 });
  await shop.sync();
  server.write('items', 'a', { name: 'theirs', quantity: 20, price: 9 });
  await shop.sync();
  const [item] = await shop.quarantine.list();
  server.judge = () => ({ verdict: 'applied' });
  await shop.quarantine.resend(item!.place);
  expect(await shop.items.get('a')).toEqual({ id: 'a', name: 'mine', quantity: 17, price: 9 });
  await shop.sync();
  expect(server.body('items', 'a')).toEqual({ name: 'mine', quantity: 17, price: 9 });
});

test('resend of a record that somebody else has made meanwhile: its names, and the counters of both', async () => {
  const { shop, server } = await openBench();
  rejects(server, 'a');
  await shop.items.put({ id: 'a', name: 'mine', quantity: 2 });
  await shop.sync();
  server.write('items', 'a', { name: 'theirs', quantity: 5 });
  await shop.sync();
  server.judge = () => ({ verdict: 'applied' });
  const [item] = await shop.quarantine.list();
  await shop.quarantine.resend(item!.place);
  expect(await shop.items.get('a')).toEqual({ id: 'a', name: 'mine', quantity: 7 });
});

test('what is sent again under its id is seen once, also when the server had taken it', async () => {
  const { shop, server, storage } = await openBench();
  server.write('items', 'a', { name: 'a', quantity: 10 });
  await shop.sync();
  await shop.items.add('a', { quantity: 1 });
  server.hooks = [
    (_, serve) => {
      serve();
      throw new Error('The answer is lost.');
    },
    (request, serve) =>
      ok({ ...serve(), verdicts: [], records: [], checkpoint: request.checkpoint ?? '', head: 1 }),
    () => bare(413),
  ];
  for (let n = 0; n < 3; n += 1) await shop.sync();
  const [item] = await shop.quarantine.list();
  expect(item).toMatchObject({ code: 'http_413', undecided: true });
  expect(await shop.items.get('a')).toMatchObject({ quantity: 11 });
  await shop.quarantine.resend(item?.place ?? 0);
  expect(await shop.items.get('a')).toMatchObject({ quantity: 11 });
  await shop.sync();
  expect(await shop.items.get('a')).toMatchObject({ quantity: 11 });
  expect(await shop.outbox.list()).toEqual([]);
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
});

test('the last hundred that were dropped are remembered', async () => {
  const { shop, server } = await openBench();
  server.judge = () => ({ verdict: 'rejected', code: 'unique_taken' });
  for (let n = 0; n < 102; n += 1) await shop.items.put({ name: `n${n}` });
  await shop.sync();
  for (const { place } of await shop.quarantine.list({ limit: 200 }))
    await shop.quarantine.discard(place, `${place}`);
  const reasons = (await shop.quarantine.discarded()).map(({ reason }) => reason);
  expect([reasons.length, reasons[0], reasons.at(-1)]).toEqual([100, '3', '102']);
});

test('discard: dropped by the user’s word, and the reason is kept', async () => {
  const { shop, server, time } = await openBench();
  rejects(server, 'a');
  await shop.items.put({ id: 'a', name: 'a' });
  await shop.sync();
  const [item] = await shop.quarantine.list();
  await shop.quarantine.discard(item!.place, 'entered twice');
  expect(await shop.quarantine.list()).toEqual([]);
  expect(await shop.quarantine.discarded()).toEqual([
    { mutation: item!.mutation.id, code: 'unique_taken', reason: 'entered twice', at: time.wallMs() },
  ]);
});

test('discarding a held entry takes it out of the view, and what was built on it to the quarantine', async () => {
  const { shop, server, storage } = await openBench();
  await shop.items.put({ id: 'a', name: 'a' });
  const [entry] = await shop.outbox.list();
  server.known.set(entry!.mutation.id, {
    content: 'another',
    verdict: { mutation: '', verdict: 'applied', n: 0, asOf: 0 },
  });
  await shop.sync();
  await shop.items.patch('a', { price: 1 });
  await shop.quarantine.discard(entry!.place, 'a copy');
  expect(await shop.items.list()).toEqual([]);
  expect((await shop.quarantine.list()).map(({ dependsOn }) => dependsOn)).toEqual([entry!.mutation.id]);
  expect(await shop.status()).toMatchObject({ pending: 0, held: 0, quarantined: 1 });
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
});

test('a held entry can be corrected when the server certainly did not take it', async () => {
  const { shop, server, storage } = await openBench();
  await shop.items.put({ id: 'a', name: 'a' });
  const [entry] = await shop.outbox.list();
  server.known.set(entry!.mutation.id, {
    content: 'another',
    verdict: { mutation: '', verdict: 'applied', n: 0, asOf: 0 },
  });
  await shop.sync();
  await shop.quarantine.correct(entry!.place, async (tx) => {
    expect(await tx.items.get('a')).toBeUndefined();
    await tx.items.put({ id: 'a', name: 'corrected' });
  });
  expect(await shop.status()).toMatchObject({ pending: 1, held: 0 });
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
  await shop.sync();
  expect(server.body('items', 'a')).toEqual({ name: 'corrected' });
});

test('discarding a conflict drops this device’s side; a later verdict for it changes nothing here', async () => {
  const { shop, server, replica, storage } = await openBench();
  server.write('items', 'a', { name: 'theirs' });
  await shop.sync();
  await shop.items.patch('a', { name: 'mine' });
  const [entry] = await shop.outbox.list();
  const mutation = entry!.mutation.id;
  server.conflicts.push({
    id: 4,
    collection: 'items',
    record: 'a',
    fields: ['name'],
    state: 'open',
    base: {},
    server: { name: 'theirs' },
    serverVersion: 1,
    device: [],
    mutations: [mutation],
    policy: 'ask',
  });
  server.judge = () => ({ verdict: 'conflict', code: 'conflict_open', conflicts: [4] });
  await shop.sync();
  await shop.conflicts.discard(4, 'theirs is right');
  expect(await shop.conflicts.list()).toEqual([]);
  expect(await shop.outbox.list()).toEqual([]);
  expect((await shop.quarantine.discarded()).map(({ reason }) => reason)).toEqual(['theirs is right']);
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
  server.conflicts.length = 0;
  server.tell(await replica.id(), { mutation, verdict: 'rejected', asOf: 0, code: 'conflict_kept_server' });
  expect(await shop.sync()).toMatchObject({ ok: true, conflicts: 0 });
  expect(await shop.quarantine.list()).toEqual([]);
});

test('what is not in the list cannot be settled', async () => {
  const { shop } = await openBench();
  await shop.items.put({ id: 'a', name: 'a' });
  const [entry] = await shop.outbox.list();
  for (const place of [entry!.place, 99]) {
    await expect(shop.quarantine.resend(place)).rejects.toMatchObject({ code: 'entry_unknown' });
    await expect(shop.quarantine.correct(place, [])).rejects.toMatchObject({ code: 'entry_unknown' });
    await expect(shop.quarantine.discard(place, '')).rejects.toMatchObject({ code: 'entry_unknown' });
  }
  await expect(shop.conflicts.discard(1, '')).rejects.toMatchObject({ code: 'entry_unknown' });
  expect((await shop.outbox.list()).length).toBe(1);
});

test('the lists are read in parts', async () => {
  const { shop, server } = await openBench();
  server.judge = () => ({ verdict: 'rejected', code: 'unique_taken' });
  for (let n = 0; n < 5; n += 1) await shop.items.put({ name: `n${n}` });
  expect((await shop.outbox.list({ limit: 2 })).map(({ place }) => place)).toEqual([1, 2]);
  expect((await shop.outbox.list({ limit: 2, after: 2 })).map(({ place }) => place)).toEqual([3, 4]);
  await shop.sync();
  expect((await shop.quarantine.list({ limit: 2 })).map(({ place }) => place)).toEqual([1, 2]);
  expect((await shop.quarantine.list({ limit: 9, after: 2 })).map(({ place }) => place)).toEqual([3, 4, 5]);
});

test('what cannot be made again says which collection is to blame, and stays where it is', async () => {
  const bench = await openBench();
  bench.server.judge = () => ({ verdict: 'rejected', code: 'unique_taken' });
  await bench.shop.notes.put({ id: 'n', text: 'a note' });
  await bench.shop.sales.put({ id: 's', item: 'x', total: 5 });
  await bench.shop.sync();
  const schema = defineSchema({
    version: 2,
    collections: {
      items: { kind: 'request', fields: z.object({ name: z.string() }) },
      sales: { kind: 'fact', fields: z.object({ item: z.number(), total: z.number() }) },
    },
  });
  const { shop } = await bench.reopen({ schema: schema as unknown as typeof shopSchema });
  const [note, sale] = await shop.quarantine.list();
  await expect(shop.quarantine.resend(note!.place)).rejects.toMatchObject({
    code: 'collection_unknown',
    collection: 'notes',
    message: 'The schema has no collection notes.',
  });
  await expect(shop.quarantine.resend(sale!.place)).rejects.toMatchObject({
    code: 'invalid_record',
    collection: 'sales',
    field: 'item',
  });
  expect(await shop.quarantine.list()).toHaveLength(2);
  await shop.quarantine.discard(note!.place, 'no notes any more');
  expect(await shop.quarantine.list()).toHaveLength(1);
});
