// The replica's half of the protocol, sentence by sentence: pages, verdicts, and what stays in the view for how long.

import { protocolMarker } from '@holdfast/core';
import { expect, test } from 'vitest';
import { bare, FakeServer, ok, refusal } from './fake-server.fixture.ts';
import { openBench, seededRandom, shopSchema } from './replica.fixture.ts';
import { createReplica } from './replica.ts';
import type { Storage } from './storage/port.ts';
import { checkStorage } from './storage-check.fixture.ts';
import { createLoopbackTransport } from './transport/loopback.ts';

async function names(bench: Awaited<ReturnType<typeof openBench>>): Promise<string[]> {
  return (await bench.shop.items.list()).map(({ name }) => name);
}

async function count(
  storage: Storage,
  table: 'staged' | 'shadows' | 'outbox' | 'touches' | 'marks',
): Promise<number> {
  return (await storage.transaction('read', (tx) => tx.scan(table, { prefix: [], limit: 1_000 }))).length;
}

test('a run of pages is staged invisibly and becomes visible as a whole', async () => {
  const bench = await openBench();
  const { shop, server, storage } = bench;
  for (const id of ['a', 'b', 'c', 'd', 'e']) server.write('items', id, { name: id });
  server.pageRecords = 2;
  const seen: string[][] = [];
  const look = async (): Promise<undefined> => {
    seen.push(await names(bench));
    return undefined;
  };
  server.hooks = [look, look, look];
  expect(await shop.sync()).toMatchObject({ ok: true, pulled: 5 });
  expect(seen).toEqual([[], [], []]);
  expect(await names(bench)).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(await count(storage, 'staged')).toBe(0);
  expect(await shop.status()).toMatchObject({ seq: 5, head: 5, bootstrapping: false });
});

test('a scope that is empty on the server is read as soon as the server has said so', async () => {
  const { shop, server } = await openBench();
  server.hooks = [(_, serve) => ok({ ...serve(), checkpoint: null })];
  expect((await shop.status()).bootstrapping).toBe(true);
  await shop.sync();
  expect((await shop.status()).bootstrapping).toBe(false);
});

test('a staged run is resumed after a restart, from where it had got to', async () => {
  const bench = await openBench();
  for (const id of ['a', 'b', 'c']) bench.server.write('items', id, { name: id });
  bench.server.pageRecords = 1;
  bench.server.hooks = [undefined, () => bare(503)];
  expect(await bench.shop.sync()).toMatchObject({ ok: false, pulled: 1 });
  expect(await count(bench.storage, 'staged')).toBe(1);
  const again = await bench.reopen();
  expect((await again.shop.status()).bootstrapping).toBe(true);
  expect(await again.shop.sync()).toMatchObject({ ok: true, pulled: 2 });
  expect(await names(again)).toEqual(['a', 'b', 'c']);
  expect(again.server.requests.map(({ checkpoint }) => checkpoint)).toEqual([null, '1', '1', '2']);
});

test('a record that changes while its run is staged is shown as it stands last', async () => {
  const bench = await openBench();
  bench.server.write('items', 'a', { name: 'old' });
  bench.server.write('items', 'b', { name: 'b' });
  bench.server.pageRecords = 1;
  bench.server.hooks = [
    undefined,
    () => {
      bench.server.write('items', 'a', { name: 'new' });
      return undefined;
    },
  ];
  await bench.shop.sync();
  expect(await names(bench)).toEqual(['new', 'b']);
});

test('a page that does not continue the checkpoint is dropped, and the replica pulls again', async () => {
  const bench = await openBench();
  bench.server.write('items', 'a', { name: 'a' });
  bench.server.hooks = [(_, serve) => ok({ ...serve(), from: '77', records: [] })];
  expect(await bench.shop.sync()).toMatchObject({ ok: true, pulled: 1 });
  expect(await names(bench)).toEqual(['a']);
  expect(bench.server.requests.length).toBe(2);
});

test('a page that never fits ends in a backoff, not in a loop', async () => {
  const { shop, server } = await openBench();
  server.hooks = Array.from(
    { length: 20 },
    () => (_: unknown, serve: () => ReturnType<typeof server.serve>) => ok({ ...serve(), from: 'x' }),
  );
  expect(await shop.sync()).toMatchObject({ ok: false, reason: { code: 'no_progress' } });
  expect(server.requests.length).toBeLessThan(5);
});

test('a settled entry stays in the view until the visible head reaches its asOf: staged pages do not count', async () => {
  const bench = await openBench();
  const { shop, server } = bench;
  server.write('items', 'a', { name: 'a', quantity: 10 });
  await shop.sync();
  await shop.items.add('a', { quantity: 5 });
  for (const id of ['b', 'c', 'd']) server.write('items', id, { name: id });
  server.pageRecords = 2;
  const quantities: (number | undefined)[] = [];
  const states: string[] = [];
  const look = async (): Promise<undefined> => {
    quantities.push((await shop.items.get('a'))?.quantity);
    const entries = await bench.storage.transaction('read', (tx) =>
      tx.scan('outbox', { prefix: ['shop-1'], limit: 10 }),
    );
    states.push(...entries.map(({ value }) => (value as { state: string }).state));
    return undefined;
  };
  server.hooks = [look, look];
  await shop.sync();
  await look();
  expect(quantities).toEqual([15, 15, 15]);
  expect(states).toEqual(['sent', 'settled']);
  expect(server.body('items', 'a')).toEqual({ name: 'a', quantity: 15 });
  expect(await count(bench.storage, 'outbox')).toBe(0);
  expect(await count(bench.storage, 'shadows')).toBe(0);
  expect(await count(bench.storage, 'touches')).toBe(0);
  expect(await count(bench.storage, 'marks')).toBe(0);
});

test('a settled entry is not listed in the outbox although it is still part of the view', async () => {
  const { shop, server } = await openBench();
  await shop.items.put({ id: 'a', name: 'a' });
  server.write('items', 'b', { name: 'b' });
  server.pageRecords = 1;
  server.hooks = [undefined, () => bare(503)];
  await shop.sync();
  expect(await shop.outbox.list()).toEqual([]);
  expect(await shop.items.get('a')).toEqual({ id: 'a', name: 'a' });
  expect((await shop.status()).pending).toBe(0);
});

test('a lost reply: the mutation is sent again under its id and a new batch number, and applied once', async () => {
  const { shop, server } = await openBench();
  server.write('items', 'a', { name: 'a', quantity: 1 });
  await shop.sync();
  await shop.items.add('a', { quantity: 2 });
  server.hooks = [
    (_, serve) => {
      serve();
      throw new Error('cut');
    },
  ];
  expect(await shop.sync()).toMatchObject({ ok: false, reason: { code: 'unreachable' } });
  expect((await shop.items.get('a'))?.quantity).toBe(3);
  expect(await shop.sync()).toMatchObject({ ok: true });
  expect(server.body('items', 'a')).toEqual({ name: 'a', quantity: 3 });
  expect((await shop.items.get('a'))?.quantity).toBe(3);
  const batches = server.requests.flatMap(({ batch }) => (batch ? [batch] : []));
  expect(new Set(batches.flatMap(({ mutations }) => mutations.map(({ id }) => id))).size).toBe(1);
  expect(batches.map(({ n }) => n)).toEqual([...batches.map(({ n }) => n)].sort((a, b) => a - b));
});

test('verdicts are applied in the order of their numbers, once each', async () => {
  const { shop, server, replica } = await openBench();
  await shop.items.put({ id: 'a', name: 'a' });
  const [entry] = await shop.outbox.list();
  const mutation = entry!.mutation.id;
  server.judge = () => ({ verdict: 'waiting', code: 'parent_missing' });
  server.hooks = [
    (_, serve) => {
      const answer = serve();
      const [first] = answer.verdicts;
      // Later first, and the first twice.
      return ok({
        ...answer,
        verdicts: [
          { n: 2, mutation, verdict: 'rejected', asOf: 0, code: 'waiting_too_long' },
          first!,
          first!,
        ],
      });
    },
  ];
  expect(await shop.sync()).toMatchObject({ verdicts: { waiting: 1, rejected: 1 } });
  server.tell(await replica.id(), { mutation, verdict: 'rejected', asOf: 0, code: 'waiting_too_long' });
  expect(await shop.sync()).toMatchObject({ verdicts: {} });
  expect((await shop.quarantine.list()).map(({ code }) => code)).toEqual(['waiting_too_long']);
  expect(server.requests.at(-1)?.verdictsSeen).toBe(2);
});

test('waiting: it is not sent again, and later writes to its records wait behind it', async () => {
  const { shop, server, replica } = await openBench();
  server.judge = ({ changes }) =>
    changes[0]?.collection === 'items'
      ? { verdict: 'waiting', code: 'parent_missing' }
      : { verdict: 'applied' };
  await shop.items.put({ id: 'a', name: 'a' });
  const [entry] = await shop.outbox.list();
  expect(await shop.sync()).toMatchObject({ ok: true, verdicts: { waiting: 1 } });
  expect(await shop.status()).toMatchObject({ pending: 1, waiting: 1 });
  expect((await shop.outbox.list())[0]).toMatchObject({
    state: 'waiting',
    reason: { code: 'parent_missing' },
  });
  await shop.items.patch('a', { price: 3 });
  await shop.notes.put({ text: 'not held up' });
  server.requests.length = 0;
  expect(await shop.sync()).toMatchObject({ ok: true, verdicts: { applied: 1 } });
  expect(
    server.requests
      .flatMap(({ batch }) => batch?.mutations ?? [])
      .map(({ changes }) => changes[0]?.collection),
  ).toEqual(['notes']);
  expect(await shop.items.get('a')).toEqual({ id: 'a', name: 'a', price: 3 });

  server.judge = () => ({ verdict: 'applied' });
  server.applyKnown(entry!.mutation.id);
  server.tell(await replica.id(), {
    mutation: entry!.mutation.id,
    verdict: 'applied',
    asOf: server.head,
    seq: server.head,
  });
  expect(await shop.sync()).toMatchObject({ ok: true, verdicts: { applied: 2 } });
  expect(server.body('items', 'a')).toEqual({ name: 'a', price: 3 });
  expect(await shop.outbox.list()).toEqual([]);
});

test('conflict: it goes to the conflict list and out of the view; a later verdict settles it', async () => {
  const { shop, server, replica, storage } = await openBench();
  server.write('items', 'a', { name: 'theirs' });
  await shop.sync();
  await shop.items.patch('a', { name: 'mine' });
  const [entry] = await shop.outbox.list();
  const mutation = entry!.mutation.id;
  server.conflicts.push({
    id: 7,
    collection: 'items',
    record: 'a',
    fields: ['name'],
    state: 'open',
    base: { name: 'old' },
    server: { name: 'theirs' },
    serverVersion: 1,
    device: [{ name: 'mine' }],
    mutations: [mutation],
    policy: 'ask',
  });
  server.judge = () => ({ verdict: 'conflict', code: 'conflict_open', conflicts: [7] });
  expect(await shop.sync()).toMatchObject({ ok: true, conflicts: 1, verdicts: { conflict: 1 } });
  expect(await shop.items.get('a')).toEqual({ id: 'a', name: 'theirs' });
  expect(await shop.conflicts.list()).toMatchObject([
    { id: 7, server: { name: 'theirs' }, device: [{ name: 'mine' }] },
  ]);
  expect(await shop.outbox.list()).toMatchObject([{ state: 'conflict', conflicts: [7] }]);
  expect(await shop.status()).toMatchObject({ pending: 1, conflicts: 1 });
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
  server.requests.length = 0;
  await shop.sync();
  expect(server.requests.every(({ batch }) => batch === undefined)).toBe(true);

  server.write('items', 'a', { name: 'mine' });
  server.conflicts[0]!.state = 'settled';
  server.tell(await replica.id(), { mutation, verdict: 'merged', asOf: server.head, seq: server.head });
  expect(await shop.sync()).toMatchObject({ ok: true, conflicts: 0 });
  expect(await shop.items.get('a')).toEqual({ id: 'a', name: 'mine' });
  expect(await shop.outbox.list()).toEqual([]);
  expect(await shop.conflicts.list()).toEqual([]);
});

test('a conflict that is answered for the server rejects the mutation: it goes to the quarantine', async () => {
  const { shop, server, replica } = await openBench();
  server.judge = () => ({ verdict: 'conflict', code: 'conflict_open', conflicts: [1] });
  await shop.items.put({ id: 'a', name: 'a' });
  const [entry] = await shop.outbox.list();
  await shop.sync();
  server.tell(await replica.id(), {
    mutation: entry!.mutation.id,
    verdict: 'rejected',
    asOf: 0,
    code: 'conflict_kept_server',
  });
  expect(await shop.sync()).toMatchObject({ conflicts: 0 });
  expect((await shop.quarantine.list()).map(({ code, rejected }) => [code, rejected])).toEqual([
    ['conflict_kept_server', true],
  ]);
});

test('an excepted fact is settled; the conflict that it leaves open is listed until the server settles it', async () => {
  const { shop, server, replica } = await openBench();
  await shop.sales.put({ id: 's', item: 'a', total: 3 });
  const [entry] = await shop.outbox.list();
  const mutation = entry!.mutation.id;
  server.conflicts.push({
    id: 3,
    collection: 'sales',
    record: 's',
    fields: [],
    state: 'open',
    base: {},
    server: null,
    serverVersion: 0,
    device: [],
    mutations: [mutation],
    policy: 'ask',
  });
  server.judge = () => ({
    verdict: 'excepted',
    exceptions: [{ code: 'conflict_open', collection: 'sales', id: 's', message: 'x', conflict: 3 }],
  });
  expect(await shop.sync()).toMatchObject({ ok: true, verdicts: { excepted: 1 }, conflicts: 1 });
  expect(await shop.outbox.list()).toEqual([]);
  server.conflicts.length = 0;
  server.tell(await replica.id(), { mutation, verdict: 'applied', asOf: server.head });
  expect(await shop.sync()).toMatchObject({ ok: true, conflicts: 0 });
});

test('an answer without the marker counts as offline, and settles nothing', async () => {
  const { shop, server } = await openBench();
  await shop.items.put({ name: 'a' });
  server.hooks = [() => ({ status: 200, body: '<html>Welcome to our lobby</html>' })];
  expect(await shop.sync()).toMatchObject({ ok: false, reason: { code: 'foreign_answer' } });
  expect(await shop.status()).toMatchObject({ state: 'offline', pending: 1 });
  server.hooks = [
    () => ({
      status: 200,
      body: JSON.stringify({ ...server.serve(server.requests[0]!), protocol: 'other/1' }),
    }),
  ];
  expect(await shop.sync()).toMatchObject({ ok: false, reason: { code: 'foreign_answer' } });
  expect(await shop.sync()).toMatchObject({ ok: true });
});

test('unknown fields of an answer are ignored', async () => {
  const { shop, server } = await openBench();
  server.write('items', 'a', { name: 'a' });
  server.hooks = [(_, serve) => ok({ ...serve(), future: { x: 1 } } as never)];
  expect(await shop.sync()).toMatchObject({ ok: true, pulled: 1 });
});

test('a tombstone removes the record here, and a put of the same id then names it as its base', async () => {
  const { shop, server } = await openBench();
  server.write('items', 'a', { name: 'a' });
  await shop.sync();
  server.write('items', 'a', null);
  await shop.sync();
  expect(await shop.items.get('a')).toBeUndefined();
  await shop.items.put({ id: 'a', name: 'anew' });
  const [entry] = await shop.outbox.list();
  expect(entry?.mutation.changes).toEqual([
    { type: 'put', collection: 'items', id: 'a', base: 2, body: { name: 'anew' } },
  ]);
});

test('a record that was removed leaves nothing behind', async () => {
  const { shop, server, storage } = await openBench();
  server.write('items', 'a', { name: 'a' });
  await shop.sync();
  server.head += 1;
  server.writes += 1;
  server.records.set('items/a', { collection: 'items', id: 'a', version: 2, removed: true });
  server.order.set('items/a', server.writes);
  await shop.items.patch('a', { price: 1 });
  server.judge = () => ({ verdict: 'waiting' });
  await shop.sync();
  expect(await shop.items.get('a')).toBeUndefined();
  // Not even a version to refer to.
  await shop.items.put({ id: 'a', name: 'anew' });
  expect((await shop.outbox.list())[1]!.mutation.changes[0]).not.toHaveProperty('base');
  expect(await storage.transaction('read', (tx) => tx.scan('tombstones', { prefix: [], limit: 9 }))).toEqual(
    [],
  );
});

test('another device’s delete wins in the view over a pending patch', async () => {
  const { shop, server, storage } = await openBench();
  server.write('items', 'a', { name: 'a' });
  await shop.sync();
  await shop.items.patch('a', { price: 1 });
  server.write('items', 'a', null);
  server.judge = () => ({ verdict: 'waiting' });
  await shop.sync();
  expect(await shop.items.get('a')).toBeUndefined();
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
});

test('a request says who and what time it is; a mutation keeps when it was made and what was known of the server’s clock', async () => {
  const { shop, server, time, replica } = await openBench();
  server.nowMs = time.wallMs() + 60_000;
  server.hooks = [
    async () => {
      time.now += 200;
      return undefined;
    },
  ];
  await shop.sync();
  expect((await shop.status()).clockOffsetMs).toBe(60_000 - 200 + 100);
  await shop.items.put({ id: 'a', name: 'a' });
  const [entry] = await shop.outbox.list();
  time.now += 5_000;
  await shop.sync();
  const request = server.requests.at(-1)!;
  expect(request).toMatchObject({
    protocol: protocolMarker,
    replica: await replica.id(),
    scope: 'shop-1',
    schema: 1,
    limit: 1_000,
    checkpoint: '0',
    verdictsSeen: 0,
    clock: { wall: time.wallMs(), mono: time.monoMs(), session: expect.stringMatching(/^[0-9a-f]{32}$/) },
  });
  expect(entry!.mutation.made).toEqual({
    wall: time.wallMs() - 5_000,
    mono: time.monoMs() - 5_000,
    session: request.clock.session,
    offset: 59_900,
    seen: server.nowMs,
  });
});

test('the newest server time seen never goes back', async () => {
  const { shop, server } = await openBench();
  await shop.sync();
  const newest = server.nowMs;
  server.nowMs -= 5_000;
  await shop.sync();
  await shop.items.put({ name: 'a' });
  expect((await shop.outbox.list())[0]!.mutation.made.seen).toBe(newest);
});

test('a verdict after the one that settled an entry does not keep it in the view for longer', async () => {
  const { shop, server, replica } = await openBench();
  server.write('items', 'a', { name: 'a', quantity: 1 });
  await shop.sync();
  await shop.items.add('a', { quantity: 1 });
  const [entry] = await shop.outbox.list();
  const mutation = entry!.mutation.id;
  server.hooks = [
    async (request, serve) => {
      serve();
      const first = server.head;
      const id = await replica.id();
      // The answer's snapshot lies before the second verdict's commit.
      const answer = serve();
      server.tell(id, { mutation, verdict: 'merged', asOf: first + 9, seq: first + 9 });
      return ok({ ...answer, verdicts: server.log(id).filter(({ n }) => n > request.verdictsSeen) });
    },
  ];
  await shop.sync();
  expect((await shop.items.get('a'))?.quantity).toBe(2);
  expect(await shop.status()).toMatchObject({ pending: 0 });
});

test('a fault of the program is no reason: sync rejects with it, and the loop lives on', async () => {
  let broken = true;
  const server = new FakeServer(shopSchema);
  const working = createLoopbackTransport({ handler: server.handler });
  const { shop } = await openBench({
    transport: {
      exchange: (request, signal) => {
        if (broken) throw new TypeError('a bug');
        return working.exchange(request, signal);
      },
    },
  });
  await expect(shop.sync()).rejects.toThrow('a bug');
  expect(await shop.status()).toMatchObject({ state: 'waiting', reason: { code: 'fault' } });
  broken = false;
  expect(await shop.sync()).toMatchObject({ ok: true });
});

test('a sync with nothing to do is one exchange', async () => {
  const { shop, server } = await openBench();
  expect(await shop.sync()).toEqual({
    ok: true,
    pushed: 0,
    pulled: 0,
    verdicts: {},
    held: 0,
    conflicts: 0,
    failed: 0,
  });
  expect(server.requests.length).toBe(1);
});

test('without a transport a sync says so', async () => {
  const { storage, time } = await openBench();
  const replica = await createReplica({
    schema: shopSchema,
    storage,
    device: 'd',
    clock: time,
    timer: time,
    random: seededRandom(9),
  });
  expect(await replica.scope('shop-1').sync()).toMatchObject({ ok: false, reason: { code: 'no_transport' } });
});

test('a refusal settles nothing, whatever its status or words', async () => {
  const { shop, server } = await openBench();
  await shop.items.put({ name: 'a' });
  for (const status of [400, 401, 403, 404, 409, 413, 415, 421, 429, 500, 502, 503, 504]) {
    server.hooks = [() => bare(status), () => bare(status), () => bare(status)];
    await shop.sync();
    server.hooks = [];
    const pending = [...(await shop.outbox.list()), ...(await shop.quarantine.list())];
    expect(pending.length, `after ${status}`).toBeGreaterThan(0);
    for (const { place, held } of await shop.quarantine.list())
      if (!held || status) await shop.quarantine.resend(place);
  }
  server.hooks = [() => refusal(503, 'overloaded')];
  expect((await shop.sync()).ok).toBe(false);
  expect((await shop.sync()).ok).toBe(true);
  expect(server.records.size).toBe(1);
});

test.each(['applied', 'rejected', 'waiting'] as const)(
  'a mutation that was put aside before its verdict (%s) came is settled by the repeat of that verdict, though it was seen',
  async (verdict) => {
    const { shop, server, storage } = await openBench();
    server.judge = () => ({ verdict });
    await shop.items.put({ id: 'a', name: 'a' });
    server.hooks = [
      (_, serve) => {
        serve();
        throw new Error('The answer is lost.');
      },
      (_, serve) => ok({ ...serve(), verdicts: [] }),
      () => bare(413),
    ];
    await shop.sync();
    await shop.sync();
    const [item] = await shop.quarantine.list();
    expect(item).toMatchObject({ code: 'http_413', undecided: true });
    await shop.items.put({ id: 'b', name: 'b' });
    await shop.sync();
    await shop.quarantine.resend(item!.place);
    expect(await shop.sync()).toMatchObject({ ok: true, pushed: 1, verdicts: { [verdict]: 1 } });
    expect(server.known.size).toBe(2);
    expect((await shop.outbox.list()).map(({ state }) => state)).toEqual(
      verdict === 'waiting' ? ['waiting', 'waiting'] : [],
    );
    expect(await shop.quarantine.list()).toHaveLength(verdict === 'rejected' ? 2 : 0);
    expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
  },
);

test('a verdict that was seen does nothing to what has one already', async () => {
  const { shop, server, replica } = await openBench();
  server.judge = () => ({ verdict: 'waiting' });
  await shop.items.put({ id: 'a', name: 'a' });
  await shop.sync();
  const [entry] = await shop.outbox.list();
  server.applyKnown(entry!.mutation.id);
  server.tell(await replica.id(), { mutation: entry!.mutation.id, verdict: 'applied', asOf: server.head });
  server.hooks = [(_, serve) => ok({ ...serve(), verdicts: server.log(server.requests[0]!.replica) })];
  expect(await shop.sync()).toMatchObject({ ok: true, verdicts: { applied: 1 } });
  server.hooks = [(_, serve) => ok({ ...serve(), verdicts: server.log(server.requests[0]!.replica) })];
  expect(await shop.sync()).toMatchObject({ ok: true, verdicts: {} });
  expect(await shop.items.list()).toEqual([{ id: 'a', name: 'a' }]);
});
