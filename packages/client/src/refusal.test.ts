// What the replica does when the server, or something on the way, does not answer an exchange.

import { protocolMarker } from '@holdfast/core';
import { expect, test } from 'vitest';
import { bare, type Hook, ok, refusal } from './fake-server.fixture.ts';
import { openBench, settle, shopSchema } from './replica.fixture.ts';
import { checkStorage } from './storage-check.fixture.ts';

/** Every exchange with a batch fails in this way; those without one are served. */
function failing(fail: (mutations: number) => ReturnType<typeof bare> | undefined): Hook[] {
  return Array.from(
    { length: 100 },
    (): Hook => (request, serve) => fail(request.batch?.mutations.length ?? 0) ?? ok(serve()),
  );
}

test.each([401, 403])(
  '%i pauses: nothing is dropped, the status says why, new credentials or sync() resume',
  async (status) => {
    const { shop, server, replica } = await openBench();
    await shop.items.put({ name: 'a' });
    server.hooks = [() => refusal(status, status === 401 ? 'unauthenticated' : 'forbidden')];
    expect(await shop.sync()).toMatchObject({
      ok: false,
      reason: { code: status === 401 ? 'unauthenticated' : 'forbidden' },
    });
    expect(await shop.status()).toMatchObject({
      state: 'paused',
      pending: 1,
      reason: { code: status === 401 ? 'unauthenticated' : 'forbidden' },
    });
    replica.resume();
    await settle();
    expect(await shop.status()).toMatchObject({ state: 'idle', pending: 0 });
  },
);

test.each([401, 403])(
  'a bare %i is no word of the server’s: the replica goes on by itself once the network lets it through',
  async (status) => {
    const { shop, server, time } = await openBench({ automatic: { everyMs: 600_000 } });
    await settle();
    server.hooks = Array.from({ length: 5 }, (): Hook => () => bare(status));
    await shop.items.put({ id: 'a', name: 'a' });
    await settle();
    expect(await shop.status()).toMatchObject({
      state: 'offline',
      pending: 1,
      reason: {
        code: `http_${status}`,
        message: `HTTP ${status} came, without the marker of a Holdfast server.`,
        help: expect.stringContaining('sign in'),
      },
    });
    await time.pass(60_000);
    expect(await shop.status()).toMatchObject({ state: 'idle', pending: 0 });
    expect(server.body('items', 'a')).toEqual({ name: 'a' });
  },
);

test.each([400, 404, 500])('an unmarked %i says what came, and what may have sent it', async (status) => {
  const { shop, server } = await openBench();
  server.hooks = [() => bare(status)];
  expect(await shop.sync()).toMatchObject({
    ok: false,
    reason: {
      code: 'foreign_answer',
      message: `HTTP ${status} came, without the marker of a Holdfast server.`,
      help: expect.stringMatching(/sign in.*another program.*proxy/),
      details: { status },
    },
  });
  expect((await shop.status()).state).toBe('offline');
});

test('a server that does not know the schema pauses the replica until it does', async () => {
  const { shop, server } = await openBench();
  await shop.items.put({ name: 'a' });
  server.hooks = [() => refusal(409, 'schema_unknown')];
  expect(await shop.sync()).toMatchObject({ ok: false, reason: { code: 'schema_unknown' } });
  expect(await shop.status()).toMatchObject({ state: 'paused', pending: 1 });
  expect(await shop.sync()).toMatchObject({ ok: true, pushed: 1 });
});

test('413 cuts the batch smaller, under a new number, until it passes; nothing is lost', async () => {
  const { shop, server } = await openBench();
  for (let n = 0; n < 10; n += 1) await shop.items.put({ name: `n${n}` });
  server.hooks = failing((mutations) => (mutations > 3 ? bare(413) : undefined));
  expect(await shop.sync()).toMatchObject({ ok: true, pushed: 10 });
  expect(server.records.size).toBe(10);
  const sizes = server.requests.flatMap(({ batch }) => (batch ? [batch.mutations.length] : []));
  expect(sizes.slice(0, 3)).toEqual([10, 5, 2]);
  const numbers = server.requests.flatMap(({ batch }) => (batch ? [batch.n] : []));
  expect(numbers).toEqual(numbers.map((_, at) => at + 1));
});

test('a mutation that is too large alone goes to the quarantine, and the others go through', async () => {
  const { shop, server, storage } = await openBench();
  await shop.items.put({ id: 'big', name: 'big', note: 'x'.repeat(5_000) });
  await shop.items.put({ id: 'small', name: 'small' });
  server.hooks = Array.from(
    { length: 20 },
    (): Hook => (request, serve) => {
      const big = JSON.stringify(request).length > 4_000;
      return big ? refusal(413, 'too_large') : ok(serve());
    },
  );
  expect(await shop.sync()).toMatchObject({ ok: true, pushed: 1, held: 1 });
  expect(server.body('items', 'small')).toEqual({ name: 'small' });
  expect(await shop.quarantine.list()).toMatchObject([
    { code: 'too_large', rejected: false, undecided: false, held: false },
  ]);
  expect(await shop.items.get('big')).toBeUndefined();
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
});

test('a mutation that may have been applied before it was found too large can only be sent again under its id', async () => {
  const { shop, server } = await openBench();
  await shop.items.put({ id: 'a', name: 'a' });
  server.hooks = [
    () => {
      throw new Error('Nobody knows whether it arrived.');
    },
    undefined,
    () => bare(413),
  ];
  await shop.sync();
  await shop.sync();
  const [item] = await shop.quarantine.list();
  expect(item).toMatchObject({ code: 'http_413', undecided: true });
  await expect(shop.quarantine.correct(item!.place, [])).rejects.toMatchObject({ code: 'entry_undecided' });
  await shop.quarantine.resend(item!.place);
  expect((await shop.outbox.list()).map(({ mutation, state }) => [mutation.id, state])).toEqual([
    [item!.mutation.id, 'sent'],
  ]);
  expect(await shop.sync()).toMatchObject({ ok: true });
  expect(server.known.size).toBe(1);
});

test.each([
  ['unanswered', 503],
  ['storage_failed', 503],
  ['internal', 500],
])('so is one after %s: the server may have taken it', async (code, status) => {
  const { shop, server } = await openBench();
  await shop.items.put({ id: 'a', name: 'a' });
  server.hooks = [
    (_, serve) => {
      serve();
      return refusal(status, code);
    },
    (_, serve) => ok({ ...serve(), verdicts: [] }),
    () => bare(413),
  ];
  await shop.sync();
  await shop.sync();
  const [item] = await shop.quarantine.list();
  expect(item).toMatchObject({ code: 'http_413', undecided: true });
});

test('a batch that is malformed is cut until the mutation that is to blame is alone; it is held and the others go through', async () => {
  const { shop, server } = await openBench();
  for (const id of ['a', 'b', 'poison', 'c']) await shop.items.put({ id, name: id });
  server.hooks = Array.from(
    { length: 20 },
    (): Hook => (request, serve) => {
      const poisoned = request.batch?.mutations.some(({ changes }) => changes[0]?.id === 'poison');
      return poisoned ? refusal(400, 'malformed') : ok(serve());
    },
  );
  expect(await shop.sync()).toMatchObject({ ok: true, pushed: 3, held: 1 });
  expect([...server.records.keys()]).toEqual(['items/a', 'items/b', 'items/c']);
  expect(await shop.quarantine.list()).toMatchObject([{ code: 'malformed', held: true, undecided: false }]);
  // Held, not settled: it is still part of the view, and of the count.
  expect(await shop.items.get('poison')).toMatchObject({ name: 'poison' });
  expect(await shop.status()).toMatchObject({ pending: 1, held: 1 });
});

test.each([false, true])(
  'a held mutation is sent again under its id (it may have been applied before: %s)',
  async (lost) => {
    const { shop, server } = await openBench();
    await shop.items.put({ id: 'a', name: 'a' });
    const [entry] = await shop.outbox.list();
    const cut: Hook = () => {
      throw new Error('Nobody knows whether it arrived.');
    };
    if (lost) {
      server.hooks = [cut];
      await shop.sync();
    }
    server.hooks = Array.from(
      { length: 9 },
      (): Hook => (request, serve) => (request.batch ? refusal(400, 'malformed') : ok(serve())),
    );
    await shop.sync();
    const [item] = await shop.quarantine.list();
    expect(item).toMatchObject({ code: 'malformed', held: true, undecided: lost });
    server.hooks = [];
    await shop.quarantine.resend(item!.place);
    expect(await shop.outbox.list()).toMatchObject([
      { state: lost ? 'sent' : 'unsent', mutation: { id: entry!.mutation.id } },
    ]);
    expect(await shop.sync()).toMatchObject({ ok: true, pushed: 1 });
  },
);

test.each([
  ['a marked refusal says that nothing was done', refusal(401, 'unauthenticated'), 'unsent'],
  [
    'a failure may have come after the commit, and its request once more',
    refusal(503, 'storage_full'),
    'sent',
  ],
  ['a proxy that refuses by itself let nothing through', bare(429), 'unsent'],
  ['a fault of the server may have come after the commit', refusal(500, 'internal'), 'sent'],
  ['a gateway that lost its server knows nothing', bare(504), 'sent'],
])('whether the server may have the mutation: %s', async (_, answer, state) => {
  const { shop, server } = await openBench();
  await shop.items.put({ name: 'a' });
  server.hooks = [() => answer];
  expect((await shop.sync()).ok).toBe(false);
  expect((await shop.outbox.list()).map((entry) => entry.state)).toEqual([state]);
});

test('a line that is too slow for a request puts nothing aside: the replica sends less, and tries again', async () => {
  const { shop, server, time } = await openBench({ automatic: { everyMs: 600_000 } });
  await settle();
  server.hooks = failing((mutations) => (mutations > 0 ? refusal(408, 'request_late') : undefined));
  for (const id of ['a', 'b']) await shop.items.put({ id, name: id });
  await settle();
  await time.pass(60_000);
  expect(await shop.status()).toMatchObject({
    state: 'offline',
    pending: 2,
    held: 0,
    reason: { code: 'request_late' },
  });
  expect((await shop.outbox.list()).map(({ state }) => state)).toEqual(['unsent', 'unsent']);
  server.hooks = [];
  await time.pass(60_000);
  expect(await shop.status()).toMatchObject({ state: 'idle', pending: 0 });
  expect([...server.records.keys()].sort()).toEqual(['items/a', 'items/b']);
});

test('a server that takes no batch at all puts nothing aside: the replica pauses', async () => {
  const { shop, server } = await openBench();
  for (let n = 0; n < 5; n += 1) await shop.items.put({ name: `n${n}` });
  server.hooks = Array.from({ length: 50 }, (): Hook => () => refusal(415, 'unsupported_media'));
  expect(await shop.sync()).toMatchObject({ ok: false, held: 0, reason: { code: 'unsupported_media' } });
  expect(await shop.status()).toMatchObject({ state: 'paused', pending: 5, held: 0 });
  expect((await shop.outbox.list()).every(({ state }) => state === 'unsent')).toBe(true);
});

test('an envelope that is refused without a batch pauses the replica', async () => {
  const { shop, server } = await openBench();
  server.hooks = [() => refusal(400, 'malformed')];
  expect(await shop.sync()).toMatchObject({ ok: false, reason: { code: 'malformed' } });
  expect((await shop.status()).state).toBe('paused');
});

test('id_reused settles nothing: the entry is held, shown, not sent again by itself, and what builds on it waits', async () => {
  const { shop, server, storage } = await openBench();
  await shop.items.put({ id: 'a', name: 'mine' });
  const [entry] = await shop.outbox.list();
  server.known.set(entry!.mutation.id, {
    content: 'another',
    verdict: { mutation: entry!.mutation.id, verdict: 'applied', n: 0, asOf: 0 },
  });
  expect(await shop.sync()).toMatchObject({ ok: true, held: 1 });
  expect(await shop.quarantine.list()).toMatchObject([
    { code: 'id_reused', held: true, place: entry!.place },
  ]);
  expect(await shop.items.get('a')).toMatchObject({ name: 'mine' });
  await shop.items.patch('a', { price: 1 });
  server.requests.length = 0;
  await shop.sync();
  expect(server.requests.every(({ batch }) => batch === undefined)).toBe(true);
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);

  await shop.quarantine.resend(entry!.place);
  const [renamed] = await shop.outbox.list();
  expect(renamed!.mutation.id).not.toBe(entry!.mutation.id);
  expect(renamed!.mutation.changes).toEqual(entry!.mutation.changes);
  expect(await shop.sync()).toMatchObject({ ok: true, pushed: 2 });
  expect(server.body('items', 'a')).toEqual({ name: 'mine', price: 1 });
});

test('rolled_back: the replica stops, keeps records and outbox, and says so', async () => {
  const { shop, server, time } = await openBench({ automatic: { everyMs: 60_000 } });
  server.write('items', 'a', { name: 'a' });
  await shop.sync();
  server.hooks = Array.from({ length: 9 }, (): Hook => () => refusal(409, 'rolled_back'));
  await shop.items.patch('a', { price: 2 });
  await settle();
  expect(await shop.status()).toMatchObject({
    state: 'rolledBack',
    pending: 1,
    reason: { code: 'rolled_back' },
  });
  const asked = server.requests.length;
  await time.pass(3_600_000);
  await shop.items.patch('a', { price: 3 });
  await settle();
  expect(server.requests.length).toBe(asked);
  expect(await shop.items.get('a')).toEqual({ id: 'a', name: 'a', price: 3 });
  // An operator decided; the user's word starts it again.
  server.hooks = [];
  expect(await shop.sync()).toMatchObject({ ok: true, pushed: 2 });
});

const rolledBack = {
  status: 409,
  body: JSON.stringify({
    protocol: protocolMarker,
    error: { code: 'rolled_back', message: 'Behind.', field: 'checkpoint', details: { fork: 3 } },
    now: 0,
  }),
};

test('rolled_back is still said after a restart, with its reason, until the server takes an exchange', async () => {
  const bench = await openBench();
  bench.server.write('items', 'a', { name: 'a' });
  await bench.shop.sync();
  bench.server.hooks = [() => rolledBack];
  await bench.shop.items.patch('a', { price: 2 });
  expect(await bench.shop.sync()).toMatchObject({ ok: false, reason: { code: 'rolled_back' } });
  const said = { state: 'rolledBack', pending: 1, reason: { code: 'rolled_back', details: { fork: 3 } } };

  const again = await bench.reopen();
  expect(await again.shop.status()).toMatchObject(said);
  again.server.hooks = [
    () => {
      throw new Error('no route');
    },
  ];
  expect(await again.shop.sync()).toMatchObject({ ok: false, reason: { code: 'unreachable' } });
  expect(await again.shop.status()).toMatchObject(said);
  expect((await again.shop.outbox.list()).map(({ state }) => state)).toEqual(['sent']);

  expect(await again.shop.sync()).toMatchObject({ ok: true, pushed: 1 });
  expect(await again.shop.status()).toMatchObject({ state: 'idle', pending: 0 });
  expect((await (await again.reopen()).shop.status()).state).toBe('idle');
});

test('a replica that was rolled back and syncs by itself asks once when it is opened', async () => {
  const bench = await openBench();
  bench.server.hooks = [() => rolledBack];
  await bench.shop.sync();
  const automatic = { everyMs: 60_000 };
  bench.server.hooks = [() => rolledBack];
  const still = await bench.reopen({ automatic });
  await still.time.pass(3_600_000);
  expect(await still.shop.status()).toMatchObject({ state: 'rolledBack' });
  expect(bench.server.requests).toHaveLength(2);
  const mended = await bench.reopen({ automatic });
  await settle();
  expect(await mended.shop.status()).toMatchObject({ state: 'idle' });
});

test('a replica that was paused and syncs by itself asks once when it is opened', async () => {
  const bench = await openBench({ automatic: { everyMs: 60_000 } });
  await settle();
  const refused = (): ReturnType<typeof refusal> => refusal(401, 'unauthenticated');
  bench.server.hooks = [refused, refused];
  await bench.shop.sync();
  const still = await bench.reopen();
  await still.time.pass(3_600_000);
  expect(await still.shop.status()).toMatchObject({ state: 'paused', reason: { code: 'unauthenticated' } });
  expect(bench.server.requests).toHaveLength(3);
  const again = await bench.reopen();
  await settle();
  expect(await again.shop.status()).toMatchObject({ state: 'idle' });
});

test('bad_checkpoint: everything is read afresh, what was not delivered is gone, and the outbox is kept', async () => {
  const { shop, server, storage } = await openBench();
  for (const id of ['a', 'b', 'gone', 'patched']) server.write('items', id, { name: id });
  server.write('items', 'dead', { name: 'dead' });
  server.write('items', 'dead', null);
  await shop.sync();
  await shop.items.put({ id: 'own', name: 'own' });
  await shop.items.patch('patched', { price: 1 });
  await shop.items.patch('b', { price: 2 });
  for (const id of ['gone', 'patched', 'dead']) {
    server.records.delete(`items/${id}`);
    server.order.delete(`items/${id}`);
  }
  server.pageRecords = 1;
  server.judge = () => ({ verdict: 'waiting' });
  const lists: string[][] = [];
  const look = async (): Promise<undefined> => {
    lists.push((await shop.items.list()).map(({ id }) => id));
    return undefined;
  };
  server.hooks = [() => refusal(400, 'bad_checkpoint'), look, look];
  expect(await shop.sync()).toMatchObject({ ok: true });
  // Until the new run is whole, the old state stays.
  expect(lists).toEqual([
    ['a', 'b', 'gone', 'own', 'patched'],
    ['a', 'b', 'gone', 'own', 'patched'],
  ]);
  expect((await shop.items.list()).map(({ id }) => id)).toEqual(['a', 'b', 'own']);
  expect(await shop.items.get('b')).toEqual({ id: 'b', name: 'b', price: 2 });
  expect(server.requests.map(({ checkpoint }) => checkpoint).slice(0, 3)).toEqual([null, '6', null]);
  expect((await shop.outbox.list()).length).toBe(3);
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
  expect(await storage.transaction('read', (tx) => tx.scan('tombstones', { prefix: [], limit: 9 }))).toEqual(
    [],
  );
});

test('a fresh run that fits one page also removes what it does not hold', async () => {
  const { shop, server } = await openBench();
  server.write('items', 'a', { name: 'a' });
  server.write('items', 'gone', { name: 'gone' });
  await shop.sync();
  server.records.delete('items/gone');
  server.hooks = [() => refusal(400, 'bad_checkpoint')];
  expect(await shop.sync()).toMatchObject({ ok: true });
  expect((await shop.items.list()).map(({ id }) => id)).toEqual(['a']);
});

test('a server that finds even no checkpoint bad is not asked for ever', async () => {
  const { shop, server } = await openBench();
  server.hooks = Array.from({ length: 20 }, (): Hook => () => refusal(400, 'bad_checkpoint'));
  expect(await shop.sync()).toMatchObject({ ok: false, reason: { code: 'bad_checkpoint' } });
  expect(server.requests.length).toBeLessThan(5);
});

test('Retry-After is the floor: before it neither timer nor sync() asks again', async () => {
  const { shop, server, time } = await openBench({ automatic: { everyMs: 600_000 } });
  await settle();
  server.hooks = [() => bare(429, { 'retry-after': '30' })];
  expect(await shop.sync()).toMatchObject({ ok: false, reason: { code: 'http_429' } });
  const asked = server.requests.length;
  expect(await shop.sync()).toMatchObject({ ok: false, reason: { code: 'http_429' } });
  await time.pass(29_999);
  expect(server.requests.length).toBe(asked);
  await time.pass(5_000);
  expect(server.requests.length).toBe(asked + 1);
  expect(await shop.status()).toMatchObject({ state: 'idle' });
});

test('a download never waits for an upload: after a batch that failed, the next exchange goes without one', async () => {
  const { shop, server } = await openBench();
  await shop.items.put({ id: 'mine', name: 'mine' });
  server.write('items', 'theirs', { name: 'theirs' });
  server.hooks = failing((mutations) => (mutations > 0 ? bare(504) : undefined));
  expect(await shop.sync()).toMatchObject({ ok: false });
  expect(await shop.sync()).toMatchObject({ ok: false, pulled: 1 });
  expect(await shop.items.get('theirs')).toMatchObject({ name: 'theirs' });
  expect((await shop.outbox.list()).length).toBe(1);
});

test('a mutation on which the server always fails does not keep back the others', async () => {
  const { shop, server } = await openBench();
  for (const id of ['a', 'b', 'poison', 'c']) await shop.items.put({ id, name: id });
  await shop.items.patch('poison', { price: 1 });
  server.hooks = Array.from(
    { length: 200 },
    (): Hook => (request, serve) => {
      const poisoned = request.batch?.mutations.some(({ changes }) => changes[0]?.id === 'poison');
      return poisoned ? refusal(500, 'internal') : ok(serve());
    },
  );
  for (let round = 0; round < 8; round += 1) await shop.sync();
  expect([...server.records.keys()].sort()).toEqual(['items/a', 'items/b', 'items/c']);
  expect((await shop.outbox.list()).map(({ mutation }) => mutation.changes[0]?.id)).toEqual([
    'poison',
    'poison',
  ]);
  server.hooks = [];
  expect(await shop.sync()).toMatchObject({ ok: true });
  expect(server.body('items', 'poison')).toEqual({ name: 'poison', price: 1 });
});
