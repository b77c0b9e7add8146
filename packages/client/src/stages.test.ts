// A first sync that opens by stages.

import { expect, test } from 'vitest';
import { FakeServer, ok, refusal } from './fake-server.fixture.ts';
import { type Bench, openBench, settle, shopSchema } from './replica.fixture.ts';
import { checkStorage } from './storage-check.fixture.ts';

function filledServer(): FakeServer {
  const server = new FakeServer(shopSchema);
  server.pageRecords = 2;
  for (const n of [1, 2, 3]) {
    server.write('sales', `s${n}`, { item: `i${n}`, total: n });
    server.write('items', `i${n}`, { name: `i${n}`, quantity: 10 });
    server.write('notes', `n${n}`, { text: 'x' });
  }
  return server;
}

async function shown({ shop }: Pick<Bench, 'shop'>): Promise<number[]> {
  return [
    (await shop.items.list()).length,
    (await shop.sales.list()).length,
    (await shop.notes.list()).length,
  ];
}

/** What is visible, and what the status says of it, before each exchange and in the end. */
async function watchSync(
  bench: Bench,
  between: (exchange: number) => Promise<unknown> = settle,
): Promise<unknown[]> {
  const seen: unknown[] = [];
  const look = async (): Promise<void> => {
    const { open, bootstrapping, seq } = await bench.shop.status();
    seen.push([...(await shown(bench)), open, bootstrapping, seq]);
  };
  bench.server.hooks = Array.from({ length: 20 }, (_, at) => async (_request, serve) => {
    await look();
    await between(at);
    return ok(serve());
  });
  expect(await bench.shop.sync()).toMatchObject({ ok: true });
  bench.server.hooks = [];
  await look();
  return seen.filter((one, at) => JSON.stringify(one) !== JSON.stringify(seen[at - 1]));
}

test('each stage becomes visible as a whole, and what no stage names comes last', async () => {
  const server = filledServer();
  const bench = await openBench({ server, stages: [['items'], ['notes']] });
  expect(await watchSync(bench)).toEqual([
    [0, 0, 0, [], true, 0],
    [3, 0, 0, ['items'], true, 0],
    [3, 0, 3, ['items', 'notes'], true, 0],
    [3, 3, 3, [], false, 9],
  ]);
  const asked = server.requests.map(({ collections, checkpoint }) => [collections, checkpoint === null]);
  expect(asked.filter(([, begins]) => begins)).toEqual([
    [['items'], true],
    [['items', 'notes'], true],
    [undefined, true],
  ]);
  expect(await checkStorage(bench.storage, shopSchema, 'shop-1')).toEqual([]);
  expect((await watchSync(bench)).length).toBe(1);
});

test('stages that name every collection end with a run of all; a stage of what there is nothing of is no obstacle', async () => {
  const server = filledServer();
  const bench = await openBench({ server, stages: [['items'], ['sales', 'notes']] });
  await bench.shop.sync();
  expect(new Set(server.requests.map(({ collections }) => String(collections)))).toEqual(
    new Set(['items', 'undefined']),
  );
  const empty = await openBench({ stages: [['items'], ['sales']] });
  expect(await empty.shop.sync()).toMatchObject({ ok: true });
  expect(await empty.shop.status()).toMatchObject({ bootstrapping: false, open: [] });
});

test('what others write and delete meanwhile in what is open comes with the next run', async () => {
  const bench = await openBench({ server: filledServer(), stages: [['items']] });
  let changed = false;
  await watchSync(bench, async () => {
    if (changed || (await bench.shop.status()).open.length === 0) return;
    changed = true;
    bench.server.write('items', 'i1', null);
    bench.server.write('items', 'i2', { name: 'new' });
    expect(await bench.shop.items.get('i1')).toMatchObject({ name: 'i1' });
  });
  expect(changed).toBe(true);
  expect((await bench.shop.items.list()).map(({ name }) => name)).toEqual(['new', 'i3']);
});

test('an own mutation across what is open and what is not is seen once in each, at every moment', async () => {
  const bench = await openBench({ server: filledServer(), stages: [['items']] });
  const { shop, server } = bench;
  const sell = (id: string): Promise<unknown> =>
    shop.mutate(async (tx) => {
      await tx.items.add('i1', { quantity: -1 });
      await tx.sales.put({ id, item: 'i1', total: 1 });
    });
  const before: [number | undefined, number][] = [];
  const after: [number | undefined, number][] = [];
  let sold = false;
  await watchSync(bench, async () => {
    const now: [number | undefined, number] = [
      (await shop.items.get('i1'))?.quantity,
      (await shop.sales.list()).filter(({ id }) => id.startsWith('own')).length,
    ];
    (sold ? after : before).push(now);
    if (sold || (await shop.status()).open.length === 0) return;
    sold = true;
    await sell('own-1');
    await shop.sales.put({ id: 'own-2', item: 'i2', total: 2 });
  });
  expect(new Set(before.map(String))).toEqual(new Set([',0', '10,0']));
  expect(new Set(after.map(String))).toEqual(new Set(['9,2']));
  expect(server.body('items', 'i1')).toMatchObject({ quantity: 9 });
  expect(await shop.items.get('i1')).toMatchObject({ quantity: 9 });
  expect(await shop.sales.list()).toHaveLength(5);
  expect((await shop.outbox.list()).length).toBe(0);
});

test('an own mutation from before the first sync is seen once in each, too', async () => {
  const bench = await openBench({ server: filledServer(), stages: [['items']] });
  const { shop } = bench;
  await shop.mutate(async (tx) => {
    await tx.items.put({ id: 'own', name: 'own', quantity: 5 });
    await tx.notes.put({ id: 'own', text: 'own' });
  });
  await shop.mutate(async (tx) => {
    await tx.items.add('own', { quantity: -1 });
    await tx.sales.put({ id: 'own', item: 'own', total: 1 });
  });
  const seen = new Set<string>();
  await watchSync(bench, async () => {
    const [item, sale, note] = await Promise.all([
      shop.items.get('own'),
      shop.sales.get('own'),
      shop.notes.get('own'),
    ]);
    seen.add(`${item?.quantity} ${sale?.total} ${note?.text}`);
    expect(await checkStorage(bench.storage, shopSchema, 'shop-1')).toEqual([]);
  });
  expect([...seen]).toEqual(['4 1 own']);
  expect(await shop.items.get('own')).toMatchObject({ quantity: 4 });
});

test('a stage that is cut goes on where it was, also after a restart with other options', async () => {
  const server = filledServer();
  const bench = await openBench({ server, stages: [['items']] });
  server.hooks = [undefined, () => refusal(503, 'busy')];
  expect(await bench.shop.sync()).toMatchObject({ ok: false });
  expect(await bench.shop.status()).toMatchObject({ open: [], staged: 2, bootstrapping: true });
  const again = await bench.reopen({ stages: [] });
  server.requests.length = 0;
  server.hooks = [undefined, () => refusal(503, 'busy')];
  await again.shop.sync();
  expect(server.requests[0]).toMatchObject({ collections: ['items'] });
  expect(server.requests[0]?.checkpoint).not.toBeNull();
  expect(await again.shop.status()).toMatchObject({ open: ['items'], bootstrapping: true });
  expect(await shown(again)).toEqual([3, 0, 0]);
  const last = await again.reopen();
  expect(await last.shop.sync()).toMatchObject({ ok: true });
  expect(await shown(last)).toEqual([3, 3, 3]);
});

test('what is open stays open when the application comes back with other stages', async () => {
  const server = filledServer();
  const bench = await openBench({ server, stages: [['items']] });
  server.hooks = [undefined, undefined, () => refusal(503, 'busy')];
  await bench.shop.sync();
  const again = await bench.reopen({ stages: [['notes']] });
  expect(await watchSync(again)).toEqual([
    [3, 0, 0, ['items'], true, 0],
    [3, 0, 3, ['items', 'notes'], true, 0],
    [3, 3, 3, [], false, 9],
  ]);
});

test('a checkpoint that the server refuses in the middle: all is read afresh, and what is open stays meanwhile', async () => {
  const bench = await openBench({ server: filledServer(), stages: [['items']] });
  let refused = false;
  const { server, shop } = bench;
  server.hooks = Array.from({ length: 20 }, () => async (_, serve) => {
    if (refused || (await shop.status()).open.length === 0 || (await shop.status()).staged === 0)
      return ok(serve());
    refused = true;
    server.records.delete('items/i1');
    server.order.delete('items/i1');
    return refusal(400, 'bad_checkpoint');
  });
  expect(await shop.sync()).toMatchObject({ ok: true });
  expect(refused).toBe(true);
  expect(await shown(bench)).toEqual([2, 3, 3]);
  expect(await checkStorage(bench.storage, shopSchema, 'shop-1')).toEqual([]);
});

test('a server that sends all collections all the same does no harm', async () => {
  const bench = await openBench({ server: filledServer(), stages: [['items']] });
  const { server } = bench;
  server.hooks = Array.from({ length: 20 }, () => (request) => {
    const { collections: _, ...rest } = request;
    return ok(server.serve(rest));
  });
  expect(await bench.shop.sync()).toMatchObject({ ok: true });
  expect(await shown(bench)).toEqual([3, 3, 3]);
});

test('a grant that ends in the middle takes what is open, and the stages begin anew when it comes back', async () => {
  const bench = await openBench({ server: filledServer(), stages: [['items']] });
  const { server, shop } = bench;
  server.hooks = Array.from({ length: 20 }, () => async (_, serve) => {
    if ((await shop.status()).open.length > 0) server.grants = [];
    return ok(serve());
  });
  await shop.sync();
  expect(await shop.status()).toMatchObject({ state: 'ended', open: [] });
  expect(await shown(bench)).toEqual([0, 0, 0]);
  server.grants = 'all';
  server.hooks = [];
  await shop.sync();
  expect(await shown(await bench)).toEqual([3, 3, 3]);
  expect((await shop.status()).bootstrapping).toBe(false);
});

test('what waited over a grant that ended is seen with the stage that opens all that it touches', async () => {
  const server = filledServer();
  const bench = await openBench({ server, stages: [['items']] });
  const { shop } = bench;
  await shop.sync();
  await shop.mutate(async (tx) => {
    await tx.items.delete('i1');
    await tx.items.put({ id: 'own', name: 'own' });
  });
  await shop.mutate(async (tx) => {
    await tx.items.patch('i2', { name: 'sold' });
    await tx.sales.put({ id: 'own', item: 'i2', total: 1 });
  });
  // It may have reached the server, so it stays in the outbox while the grant is away.
  server.hooks = [
    () => {
      throw new Error('lost on its way');
    },
    (_, serve) => ok({ ...serve(), grants: [] }),
  ];
  server.judge = () => ({ verdict: 'waiting' });
  await shop.sync();
  await shop.sync();
  const seen = new Set<string>();
  await watchSync(bench, async () => {
    const items = (await shop.items.list()).map(({ id, name }) => `${id}:${name}`);
    seen.add([...items, (await shop.sales.list()).length].join(' '));
    expect(await checkStorage(bench.storage, shopSchema, 'shop-1')).toEqual([]);
  });
  expect([...seen]).toEqual(['0', 'i2:i2 i3:i3 own:own 0']);
  expect((await shop.items.list()).map(({ name }) => name)).toEqual(['sold', 'i3', 'own']);
  expect(await shop.sales.list()).toHaveLength(4);
});

test('a stage of a collection that there is not is refused', async () => {
  await expect(openBench({ stages: [['itmes']] })).rejects.toMatchObject({ code: 'collection_unknown' });
});
