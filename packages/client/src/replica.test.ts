// What an application does with a replica: records, mutations, reading its own writes, refusals, restarts.

import { defaultLimits, defineSchema } from '@holdfast/core';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { ReplicaError } from './errors.ts';
import { type Bench, openBench, seededRandom, shopSchema, VirtualTime } from './replica.fixture.ts';
import { createReplica } from './replica.ts';
import { createMemoryStorage } from './storage/memory.ts';
import type { Storage } from './storage/port.ts';

test('a write is readable at once, travels on sync, and comes back as the server’s state', async () => {
  const { shop, server } = await openBench();
  const soap = await shop.items.put({ name: 'Soap', quantity: 40 });
  expect(soap.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(await shop.items.get(soap.id)).toEqual({ id: soap.id, name: 'Soap', quantity: 40 });
  expect((await shop.outbox.list()).length).toBe(1);

  const result = await shop.sync();
  expect(result).toEqual({
    ok: true,
    pushed: 1,
    pulled: 1,
    verdicts: { applied: 1 },
    conflicts: 0,
    held: 0,
    failed: 0,
  });
  expect(server.body('items', soap.id)).toEqual({ name: 'Soap', quantity: 40 });
  expect(await shop.outbox.list()).toEqual([]);
  expect(await shop.items.get(soap.id)).toEqual({ id: soap.id, name: 'Soap', quantity: 40 });
});

test('records are typed by the schema alone', async () => {
  const { shop } = await openBench();
  const soap = await shop.items.put({ name: 'Soap' });
  expectTypeOf(soap.id).toEqualTypeOf<string>();
  expectTypeOf(soap.price).toEqualTypeOf<number | undefined>();
  expectTypeOf(await shop.sales.get('x')).toExtend<{ id: string; item: string; total: number } | undefined>();
  // Each line beneath is an error of types; at run time it would be refused as well.
  const misuse = (): unknown[] => [
    // @ts-expect-error there is no such collection
    shop.stock,
    // @ts-expect-error a name is missing
    shop.items.put({ price: 1 }),
    // @ts-expect-error a price is a number
    shop.items.patch('a', { price: '1' }),
    // @ts-expect-error the price is no counter
    shop.items.add('a', { price: 1 }),
    // @ts-expect-error sales have no counters
    shop.sales.add('a', { total: 1 }),
    // @ts-expect-error there is no such field
    shop.items.patch('a', {}, { unset: ['colour'] }),
  ];
  expect(typeof misuse).toBe('function');
});

test('the changes on the wire carry base and what they replace', async () => {
  const { shop, server } = await openBench();
  server.write('items', 'a', { name: 'a', price: 1, note: 'n', quantity: 5 });
  await shop.sync();
  await shop.items.put({ id: 'new', name: 'new', quantity: 2 });
  await shop.items.put({ id: 'a', name: 'b', price: 1, quantity: 7 });
  await shop.items.patch('a', { price: undefined, note: 'again', name: 'b' });
  await shop.items.add('a', { quantity: -2 });
  await shop.items.delete('a');
  await shop.items.put({ id: 'a', name: 'once more' });
  expect((await shop.outbox.list()).flatMap(({ mutation }) => mutation.changes)).toEqual([
    { type: 'put', collection: 'items', id: 'new', body: { name: 'new', quantity: 2 } },
    // The note was there and is not named: removed. The price did not change.
    {
      type: 'put',
      collection: 'items',
      id: 'a',
      base: 1,
      body: { name: 'b', price: 1, quantity: 7 },
      replaced: { name: 'a', quantity: 5, note: 'n' },
    },
    // Own writes never conflict with each other: the base stays that of the server's state underneath.
    {
      type: 'patch',
      collection: 'items',
      id: 'a',
      base: 1,
      set: { note: 'again' },
      unset: ['price'],
      replaced: { note: null, price: 1 },
    },
    { type: 'add', collection: 'items', id: 'a', base: 1, amounts: { quantity: -2 } },
    { type: 'delete', collection: 'items', id: 'a', base: 1 },
    { type: 'put', collection: 'items', id: 'a', base: 1, body: { name: 'once more' } },
  ]);
  expect(await shop.sync()).toMatchObject({ ok: true, pushed: 6 });
  expect(server.body('items', 'a')).toEqual({ name: 'once more' });
});

test('what changes nothing makes no mutation', async () => {
  const { shop } = await openBench();
  await shop.items.put({ id: 'a', name: 'a', quantity: 1 });
  await shop.items.put({ id: 'a', name: 'a' });
  await shop.items.patch('a', {});
  await shop.items.patch('a', { name: 'a', price: undefined }, { unset: ['note'] });
  await shop.items.add('a', { quantity: 0 });
  await shop.items.delete('never');
  expect(await shop.mutate(async () => 'nothing')).toBe('nothing');
  expect((await shop.outbox.list()).length).toBe(1);
});

test('list, in parts', async () => {
  const { shop } = await openBench();
  for (const id of ['b', 'a', 'd', 'c']) await shop.items.put({ id, name: id });
  expect((await shop.items.list()).map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd']);
  expect((await shop.items.list({ limit: 2 })).map(({ id }) => id)).toEqual(['a', 'b']);
  expect((await shop.items.list({ limit: 2, after: 'b' })).map(({ id }) => id)).toEqual(['c', 'd']);
});

test('scopes are apart', async () => {
  const { replica, shop } = await openBench();
  await shop.items.put({ id: 'a', name: 'here' });
  const other = replica.scope('shop-10');
  expect(await other.items.get('a')).toBeUndefined();
  await other.items.put({ id: 'a', name: 'there' });
  expect(await shop.items.get('a')).toMatchObject({ name: 'here' });
  expect(replica.scope('shop-10')).toBe(other);
  expect(await replica.sync()).toMatchObject({
    ok: true,
    scopes: { 'shop-1': { pushed: 1 }, 'shop-10': { pushed: 1 } },
  });
  expect(await replica.status()).toMatchObject({
    pending: 0,
    scopes: [{ scope: 'shop-1' }, { scope: 'shop-10' }],
  });
});

test('mutate: all changes are one mutation, which reads its own and pending writes', async () => {
  const { shop } = await openBench();
  await shop.items.put({ id: 'a', name: 'a', quantity: 5 });
  const result = await shop.mutate(async (tx) => {
    const a = await tx.items.get('a');
    await tx.items.add('a', { quantity: -(a?.quantity ?? 0) });
    const b = await tx.items.put({ name: 'b', quantity: a?.quantity ?? 0 });
    expect((await tx.items.list()).length).toBe(2);
    expect(await tx.items.get('a')).toMatchObject({ quantity: 0 });
    expect(await tx.collection('items').get(b.id)).toMatchObject({ name: 'b', quantity: 5 });
    return b;
  });
  expect(result).toMatchObject({ name: 'b', quantity: 5 });
  const entries = await shop.outbox.list();
  expect(entries.map(({ mutation }) => mutation.changes.length)).toEqual([1, 2]);
  expect(new Set(entries.map(({ mutation }) => mutation.id)).size).toBe(2);
});

test('a throw undoes all of a mutation', async () => {
  const { shop, storage } = await openBench();
  await shop.items.put({ id: 'a', name: 'a', quantity: 5 });
  const before = await dump(storage);
  await expect(
    shop.mutate(async (tx) => {
      await tx.items.put({ id: 'b', name: 'b' });
      await tx.items.delete('a');
      throw new Error('thought better of it');
    }),
  ).rejects.toThrow('thought better of it');
  expect(await dump(storage)).toEqual(before);
});

test('a refused call inside a mutation changes nothing, and the mutation may go on without it', async () => {
  const { shop } = await openBench();
  await shop.mutate(async (tx) => {
    await tx.items.put({ id: 'a', name: 'a' });
    await tx.items
      .patch('missing', { price: 1 })
      .catch((error: ReplicaError) => expect(error.code).toBe('record_missing'));
  });
  expect((await shop.outbox.list()).map(({ mutation }) => mutation.changes.length)).toEqual([1]);
});

test('calls that are not awaited still belong to the mutation, in their order, and fail it', async () => {
  const { shop } = await openBench();
  await shop.mutate(async (tx) => {
    const unawaited = [tx.items.put({ id: 'a', name: 'first' }), tx.items.patch('a', { name: 'second' })];
    expect(unawaited.length).toBe(2);
  });
  expect(await shop.items.get('a')).toMatchObject({ name: 'second' });
  const failing = shop.mutate(async (tx) => {
    tx.items.patch('missing', { price: 1 }).catch(() => undefined);
  });
  await expect(failing).rejects.toMatchObject({ code: 'record_missing' });
});

test('a mutation’s object is of no use after its end', async () => {
  const { shop } = await openBench();
  let kept: { items: { put(record: { name: string }): Promise<unknown> } } | undefined;
  await shop.mutate(async (tx) => {
    kept = tx;
  });
  await expect(kept?.items.put({ name: 'late' })).rejects.toMatchObject({ code: 'mutation_over' });
});

test('where the platform cannot tell, a mutation that awaits the replica itself is ended after a time, and undone', async () => {
  const { shop, time } = await openBench();
  const stuck = shop.mutate(async (tx) => {
    await tx.items.put({ id: 'a', name: 'a' });
    await shop.items.put({ id: 'b', name: 'b' });
  });
  const ended = expect(stuck).rejects.toMatchObject({ code: 'mutation_stuck' });
  await time.pass(30_000);
  await ended;
  // The inner write had only waited for its turn.
  expect((await shop.items.list()).map(({ id }) => id)).toEqual(['b']);
});

test('what an application does to its object after the call does not change what was written', async () => {
  const { shop } = await openBench();
  const record = { id: 'a', name: 'a' };
  const writing = shop.items.put(record);
  record.name = 'changed';
  await writing;
  const [entry] = await shop.outbox.list();
  expect(entry!.mutation.changes[0]).toMatchObject({ body: { name: 'a' } });
});

const refused: [
  string,
  (shop: Awaited<ReturnType<typeof openBench>>['shop']) => Promise<unknown>,
  { code: string; field?: string },
][] = [
  ['a wrong type', (shop) => shop.items.put({ name: 5 as never }), { code: 'invalid_record', field: 'name' }],
  ['a missing field', (shop) => shop.items.put({} as never), { code: 'invalid_record', field: 'name' }],
  [
    'a field that breaks a rule',
    (shop) => shop.items.patch('a', { name: 'x'.repeat(51) }),
    { code: 'invalid_record', field: 'name' },
  ],
  [
    'a required field removed',
    (shop) => shop.items.patch('a', {}, { unset: ['name'] }),
    { code: 'invalid_record', field: 'name' },
  ],
  [
    'a field both set and removed',
    (shop) => shop.items.patch('a', { name: 'b' }, { unset: ['name'] }),
    { code: 'invalid_record', field: 'name' },
  ],
  [
    'a number that no store holds',
    (shop) => shop.items.put({ name: 'a', price: 2 ** 53 }),
    { code: 'json_number', field: 'price' },
  ],
  [
    'no number',
    (shop) => shop.items.put({ name: 'a', price: Number.NaN }),
    { code: 'json_value', field: 'price' },
  ],
  ['a lone surrogate', (shop) => shop.items.put({ name: '\ud800' }), { code: 'json_string', field: 'name' }],
  ['a NUL', (shop) => shop.items.put({ name: 'a', note: 'a\0' }), { code: 'json_string', field: 'note' }],
  [
    'no JSON',
    (shop) => shop.items.put({ name: 'a', other: new Date(0) } as never),
    { code: 'json_value', field: 'other' },
  ],
  [
    'a key that misleads',
    (shop) => shop.items.put(JSON.parse('{"name":"a","__proto__":{}}')),
    { code: 'json_forbidden_key', field: '__proto__' },
  ],
  ['too deep', (shop) => shop.items.put({ name: 'a', deep: nested(40) } as never), { code: 'json_too_deep' }],
  [
    'too large',
    (shop) => shop.items.put({ name: 'a', note: 'x'.repeat(defaultLimits.recordCharsMax) }),
    { code: 'record_too_large' },
  ],
  [
    'a patch of what is not there',
    (shop) => shop.items.patch('no', { name: 'a' }),
    { code: 'record_missing', field: 'id' },
  ],
  [
    'an add to what is not there',
    (shop) => shop.items.add('no', { quantity: 1 }),
    { code: 'record_missing', field: 'id' },
  ],
  [
    'an add to no counter',
    (shop) => shop.items.add('a', { price: 1 } as never),
    { code: 'counter_by_add', field: 'price' },
  ],
  [
    'an increment that is none',
    (shop) => shop.items.add('a', { quantity: '1' } as never),
    { code: 'invalid_record', field: 'quantity' },
  ],
  [
    'a sum that is not exact',
    (shop) => shop.items.add('a', { quantity: Number.MAX_SAFE_INTEGER }),
    { code: 'counter_inexact', field: 'quantity' },
  ],
  ['an empty id', (shop) => shop.items.put({ id: '', name: 'a' }), { code: 'invalid_record', field: 'id' }],
  [
    'an id that is too long',
    (shop) => shop.items.put({ id: 'x'.repeat(201), name: 'a' }),
    { code: 'invalid_record', field: 'id' },
  ],
  [
    'an id with a NUL',
    (shop) => shop.items.put({ id: 'a\0', name: 'a' }),
    { code: 'json_string', field: 'id' },
  ],
  [
    'an id that is no text',
    (shop) => shop.items.put({ id: 5 as never, name: 'a' }),
    { code: 'invalid_record', field: 'id' },
  ],
];

test.each(refused)('refused before anything is stored: %s', async (_, write, expected) => {
  const { shop, storage } = await openBench();
  await shop.items.put({ id: 'a', name: 'a', quantity: 1 });
  const before = await dump(storage);
  const error = await write(shop).then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(ReplicaError);
  expect(error).toMatchObject(expected);
  expect(await dump(storage)).toEqual(before);
});

test('a mutation has at most so many changes, and at most so many bytes', async () => {
  const { shop } = await openBench({ limits: { mutationChangesMax: 3 } });
  const many = shop.mutate(async (tx) => {
    for (let n = 0; n < 4; n += 1) await tx.items.put({ name: `n${n}` });
  });
  await expect(many).rejects.toMatchObject({ code: 'mutation_too_large' });
  const large = shop.mutate(async (tx) => {
    for (let n = 0; n < 3; n += 1) await tx.items.put({ name: 'n', note: 'ж'.repeat(200_000) });
  });
  await expect(large).rejects.toMatchObject({ code: 'mutation_too_large' });
  expect(await shop.outbox.list()).toEqual([]);
  expect(await shop.items.list()).toEqual([]);
});

test('fields that the schema does not know stay, also when a put does not name them', async () => {
  const { shop, server } = await openBench();
  server.write('items', 'a', { name: 'a', colour: 'red' });
  await shop.sync();
  await shop.items.put({ id: 'a', name: 'b' });
  expect(await shop.items.get('a')).toEqual({ id: 'a', name: 'b', colour: 'red' });
  await shop.sync();
  expect(server.body('items', 'a')).toEqual({ name: 'b', colour: 'red' });
});

test('a fact can be changed although the record does not fit the schema elsewhere; a request must mend it whole', async () => {
  const { shop, server } = await openBench();
  server.write('sales', 's', { item: 5, total: 1 });
  server.write('items', 'a', { name: 'x'.repeat(99), price: 1 });
  await shop.sync();
  await shop.sales.patch('s', { total: 2 });
  expect(await shop.sales.get('s')).toMatchObject({ total: 2 });
  await expect(shop.sales.patch('s', { item: 6 as never })).rejects.toMatchObject({
    code: 'invalid_record',
    field: 'item',
  });
  await expect(shop.items.patch('a', { price: 2 })).rejects.toMatchObject({
    code: 'invalid_record',
    field: 'name',
  });
  await shop.items.patch('a', { price: 2, name: 'short' });
});

test('a counter that others moved where the schema would not have it stands in nobody’s way', async () => {
  const schema = defineSchema({
    version: 1,
    collections: {
      items: {
        kind: 'request',
        fields: z.object({ name: z.string(), left: z.number().min(0) }),
        counters: { left: {} },
      },
    },
  });
  const time = new VirtualTime();
  const replica = await createReplica({
    schema,
    storage: createMemoryStorage(),
    device: 'd',
    clock: time,
    timer: time,
    random: seededRandom(1),
  });
  const scope = replica.scope('s');
  await scope.items.put({ id: 'a', name: 'a', left: 1 });
  await scope.items.add('a', { left: -2 });
  await scope.items.patch('a', { name: 'b' });
  expect(await scope.items.get('a')).toEqual({ id: 'a', name: 'b', left: -1 });
  await expect(scope.items.patch('a', { left: -3 })).rejects.toMatchObject({
    code: 'invalid_record',
    field: 'left',
  });
});

test('the actor is named in each mutation', async () => {
  let actor: string | undefined = 'ann';
  const { shop } = await openBench({ actor: () => actor });
  await shop.items.put({ name: 'a' });
  actor = undefined;
  await shop.items.put({ name: 'b' });
  expect((await shop.outbox.list()).map(({ mutation }) => mutation.actor)).toEqual(['ann', undefined]);
});

test('a restart keeps everything, the replica’s id included; the session is new', async () => {
  const bench = await openBench();
  await bench.shop.items.put({ id: 'a', name: 'a' });
  const again = await bench.reopen();
  expect(await again.replica.id()).toBe(await bench.replica.id());
  expect(await again.shop.items.get('a')).toEqual({ id: 'a', name: 'a' });
  await again.shop.items.patch('a', { price: 1 });
  const sessions = (await again.shop.outbox.list()).map(({ mutation }) => mutation.made.session);
  expect(new Set(sessions).size).toBe(2);
  expect(await again.shop.sync()).toMatchObject({ ok: true, pushed: 2 });
});

test('two replicas get different ids', async () => {
  expect(await (await openBench()).replica.id()).not.toBe(await (await openBench()).replica.id());
});

test('the age of the oldest pending mutation', async () => {
  const { shop, time } = await openBench();
  expect((await shop.status()).oldestMs).toBeUndefined();
  await shop.items.put({ name: 'a' });
  await time.pass(5_000);
  await shop.items.put({ name: 'b' });
  expect(await shop.status()).toMatchObject({ pending: 2, oldestMs: 5_000 });
});

test('a newer schema with other indexes has them over the records that were there', async () => {
  const bench = await openBench();
  await bench.shop.items.put({ id: 'a', name: 'a', price: 3 });
  const newer = defineSchema({
    version: 2,
    former: [shopSchema],
    collections: {
      items: {
        kind: 'request',
        fields: z.object({ name: z.string(), price: z.number().optional() }),
        indexes: ['price'],
      },
    },
  });
  const time = new VirtualTime();
  const replica = await createReplica({
    schema: newer,
    storage: bench.storage,
    device: 'd',
    clock: time,
    timer: time,
    random: seededRandom(1),
  });
  const entries = await bench.storage.transaction('read', (tx) =>
    tx.scan('indexes', { prefix: [], limit: 9 }),
  );
  expect(entries.map(({ key }) => key[2])).toEqual(['["price"]']);
  await replica.scope('shop-1').items.put({ name: 'b' });
  expect((await replica.scope('shop-1').outbox.list()).map(({ mutation }) => mutation.schema)).toEqual([
    1, 2,
  ]);
});

test('a collection whose name is taken is reached by `collection`', async () => {
  const schema = defineSchema({
    version: 1,
    collections: { outbox: { kind: 'request', fields: z.object({ n: z.number() }) } },
  });
  const time = new VirtualTime();
  const replica = await createReplica({
    schema,
    storage: createMemoryStorage(),
    device: 'd',
    clock: time,
    timer: time,
    random: seededRandom(1),
  });
  const scope = replica.scope('s');
  await scope.collection('outbox').put({ id: 'a', n: 1 });
  expect(await scope.collection('outbox').get('a')).toEqual({ id: 'a', n: 1 });
  expect((await scope.outbox.list()).length).toBe(1);
});

describe('after close', () => {
  const calls: [string, (bench: Bench) => unknown][] = [
    ['get', ({ shop }) => shop.items.get('a')],
    ['list', ({ shop }) => shop.items.list()],
    ['where', ({ shop }) => shop.items.where({ where: { name: 'a' } })],
    ['put', ({ shop }) => shop.items.put({ name: 'a' })],
    ['add', ({ shop }) => shop.items.add('a', { quantity: 1 })],
    ['mutate', ({ shop }) => shop.mutate((tx) => tx.items.get('a'))],
    ['a kept collection', ({ shop }) => shop.collection('items').delete('a')],
    ['outbox', ({ shop }) => shop.outbox.list()],
    ['quarantine.list', ({ shop }) => shop.quarantine.list()],
    ['quarantine.correct', ({ shop }) => shop.quarantine.correct(1, [])],
    ['quarantine.resend', ({ shop }) => shop.quarantine.resend(1)],
    ['quarantine.discard', ({ shop }) => shop.quarantine.discard(1, 'no')],
    ['quarantine.discarded', ({ shop }) => shop.quarantine.discarded()],
    ['conflicts.list', ({ shop }) => shop.conflicts.list()],
    ['conflicts.discard', ({ shop }) => shop.conflicts.discard(1, 'no')],
    ['a scope’s sync', ({ shop }) => shop.sync()],
    ['a scope’s status', ({ shop }) => shop.status()],
    ['sync', ({ replica }) => replica.sync()],
    ['status', ({ replica }) => replica.status()],
    ['id', ({ replica }) => replica.id()],
    ['scope', ({ replica }) => replica.scope('shop-1')],
    ['setOnline', ({ replica }) => replica.setOnline(true)],
    ['resume', ({ replica }) => replica.resume()],
  ];
  test.each(calls)('%s is refused as closed', async (_, call) => {
    const bench = await openBench();
    await bench.shop.sync();
    await bench.replica.close();
    const called = (async () => call(bench))();
    await expect(called).rejects.toMatchObject({ name: 'ReplicaError', code: 'replica_closed' });
  });

  test('another close is the same', async () => {
    const { replica } = await openBench();
    await Promise.all([replica.close(), replica.close()]);
    await replica.close();
  });

  test('what was called before is done', async () => {
    const { replica, shop, reopen, storage } = await openBench({ storage: unclosable() });
    const writing = shop.items.put({ id: 'a', name: 'a' });
    const closing = replica.close();
    await expect(shop.items.put({ id: 'b', name: 'b' })).rejects.toMatchObject({ code: 'replica_closed' });
    await Promise.all([writing, closing]);
    expect(await (await reopen({ storage })).shop.items.list()).toEqual([{ id: 'a', name: 'a' }]);
  });
});

test('contradicting limits are refused at the opening', async () => {
  await expect(openBench({ limits: { mutationChangesMax: 0 } })).rejects.toThrow(RangeError);
});

test.each(['', 'x'.repeat(201), '\ud800', 'a\0', 5 as never])(
  'a name that the server would refuse is refused at once: %j',
  async (name) => {
    const { replica } = await openBench();
    expect(() => replica.scope(name)).toThrow(TypeError);
    await expect(openBench({ device: name })).rejects.toThrow(TypeError);
    if (typeof name === 'string') await expect(openBench({ actor: name })).rejects.toThrow(TypeError);
    const { shop } = await openBench({ actor: () => name });
    await expect(shop.items.put({ id: 'a', name: 'a' })).rejects.toThrow(TypeError);
    expect(await shop.items.list()).toEqual([]);
  },
);

test.each([0, 11, Number.NaN])('there is no priority %d', async (minPriority) => {
  const { shop } = await openBench();
  await expect(shop.sync({ minPriority })).rejects.toThrow(RangeError);
});

/** A storage in memory that can be opened again. */
function unclosable(): Storage {
  return { ...createMemoryStorage(), close: async () => undefined };
}

function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)];
}

async function dump(storage: Awaited<ReturnType<typeof openBench>>['storage']): Promise<unknown> {
  return storage.transaction('read', async (tx) => {
    const tables = [
      'meta',
      'scopes',
      'records',
      'shadows',
      'indexes',
      'outbox',
      'touches',
      'marks',
      'tombstones',
      'staged',
      'conflicts',
      'quarantine',
    ] as const;
    const found: unknown[] = [];
    for (const table of tables) found.push(...(await tx.scan(table, { prefix: [], limit: 10_000 })));
    return found;
  });
}
