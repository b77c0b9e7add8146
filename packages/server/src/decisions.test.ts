// People decide conflicts on real replicas, offline, against the real engine: each answer is stored, sent once, and gets a verdict.

import type { Storage } from '@holdfast/client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTestServer, type TestServer } from './protocols/native/native.fixture.ts';
import { openTill, type Till } from './till.fixture.ts';

let server: TestServer;
beforeEach(async () => {
  server = await createTestServer();
});
afterEach(() => server.close());

function open(device: string, storage?: Storage): Promise<Till> {
  return openTill(server, { device, actor: `ann at ${device}`, ...(storage ? { storage } : {}) });
}

async function syncAll(...tills: readonly Till[]): Promise<void> {
  for (const { shop } of tills) expect(await shop.sync()).toMatchObject({ ok: true });
}

/** The shelf 's1' is 'Bar' at the server, and the kitchen, which has asked for 'Kitchen', knows that it is in conflict. */
async function inConflict(): Promise<{ bar: Till; kitchen: Till; id: number }> {
  const [bar, kitchen] = [await open('bar'), await open('kitchen')];
  await bar.shop.shelves.put({ id: 's1', label: 'Top' });
  await syncAll(bar, kitchen);
  await bar.shop.shelves.patch('s1', { label: 'Bar' });
  await kitchen.shop.shelves.patch('s1', { label: 'Kitchen' });
  await syncAll(bar, kitchen);
  const [conflict] = await kitchen.shop.conflicts.list();
  expect(conflict).toMatchObject({ fields: ['label'], base: { label: 'Top' }, server: { label: 'Bar' } });
  return { bar, kitchen, id: conflict?.id ?? 0 };
}

const label = async ({ shop }: Till) => (await shop.shelves.get('s1'))?.label;

describe('a person on a device decides', () => {
  test('offline, for its side: it is seen at once, survives a restart, and everybody agrees when it is back; then takes it back', async () => {
    const { bar, kitchen, id } = await inConflict();
    expect(await label(kitchen)).toBe('Bar');
    await kitchen.shop.conflicts.resolve(id, 'device');
    expect(await label(kitchen)).toBe('Kitchen');
    expect(await kitchen.shop.conflicts.list()).toMatchObject([{ id, decision: { answer: 'device' } }]);
    expect(await kitchen.shop.status()).toMatchObject({ pending: 2, conflicts: 1 });

    const again = await open('kitchen', kitchen.storage);
    again.losses.push('request', 'reply');
    for (const _ of again.losses.slice()) expect(await again.shop.sync()).toMatchObject({ ok: false });
    expect(await label(again)).toBe('Kitchen');
    await syncAll(again, bar);
    expect([await label(again), await label(bar)]).toEqual(['Kitchen', 'Kitchen']);
    expect(await again.shop.conflicts.list()).toEqual([]);
    expect(await again.shop.outbox.list()).toEqual([]);
    expect(await again.shop.quarantine.list()).toEqual([]);
    expect(await server.engine.inspect.conflicts('shop-1', { max: 10 })).toMatchObject([
      { state: 'settled', settlement: { resolution: 'device', actor: 'ann at kitchen', device: 'kitchen' } },
    ]);

    expect(await again.shop.conflicts.list({ state: 'settled' })).toMatchObject([{ id, state: 'settled' }]);
    await again.shop.conflicts.undo(id);
    await syncAll(again, bar);
    expect([await label(again), await label(bar)]).toEqual(['Bar', 'Bar']);
    expect(await again.shop.outbox.list()).toEqual([]);
  });

  test('for the server’s side: nothing changes but that it is settled', async () => {
    const { bar, kitchen, id } = await inConflict();
    await kitchen.shop.conflicts.resolve(id, 'server');
    expect(await label(kitchen)).toBe('Bar');
    await syncAll(kitchen, bar);
    expect([await label(kitchen), await label(bar)]).toEqual(['Bar', 'Bar']);
    expect(await kitchen.shop.status()).toMatchObject({ pending: 0, conflicts: 0 });
  });

  test('with a value, and goes on writing: that is made in sight of it', async () => {
    const { bar, kitchen, id } = await inConflict();
    await kitchen.shop.conflicts.resolve(id, { value: { label: 'Both' } });
    await kitchen.shop.shelves.patch('s1', { label: 'Both of us' });
    expect(await label(kitchen)).toBe('Both of us');
    await syncAll(kitchen, bar);
    expect([await label(kitchen), await label(bar)]).toEqual(['Both of us', 'Both of us']);
    expect(await kitchen.shop.status()).toMatchObject({ pending: 0, conflicts: 0, quarantined: 0 });
  });

  test('in sight of what the device itself wrote before', async () => {
    const { bar, kitchen, id } = await inConflict();
    await kitchen.shop.shelves.patch('s1', { label: 'Seen' });
    await kitchen.shop.conflicts.resolve(id, 'server');
    await syncAll(kitchen, bar);
    expect([await label(kitchen), await label(bar)]).toEqual(['Seen', 'Seen']);
    expect(await kitchen.shop.quarantine.list()).toEqual([]);
  });

  test('with the value that the record has already', async () => {
    const { kitchen, id } = await inConflict();
    await kitchen.shop.conflicts.resolve(id, { value: { label: 'Bar' } });
    await syncAll(kitchen);
    expect(await label(kitchen)).toBe('Bar');
    expect(await kitchen.shop.status()).toMatchObject({ pending: 0, conflicts: 0, quarantined: 0 });
  });
});

describe('what a policy has decided about the device’s own writes', () => {
  /** Both give the item a price; the kitchen's comes second, and is merged. */
  async function merged(): Promise<{ bar: Till; kitchen: Till }> {
    const [bar, kitchen] = [await open('bar'), await open('kitchen')];
    await bar.shop.items.put({ id: 'soap', name: 'Soap', price: 1 });
    await syncAll(bar, kitchen);
    await bar.shop.items.patch('soap', { price: 2 });
    server.clock.wall += 1_000;
    await kitchen.shop.items.patch('soap', { price: 3 });
    await syncAll(bar, kitchen);
    return { bar, kitchen };
  }
  const price = async ({ shop }: Till) => (await shop.items.get('soap'))?.price;

  test('is listed there with base and both sides, and can be taken back there', async () => {
    const { bar, kitchen } = await merged();
    expect(await price(kitchen)).toBe(3);
    const [conflict] = await kitchen.shop.conflicts.list({ state: 'settled' });
    expect(conflict).toMatchObject({
      ...{ state: 'settled', collection: 'items', record: 'soap', fields: ['price'] },
      ...{ base: { price: 1 }, server: { price: 2 }, device: [{ type: 'patch', set: { price: 3 } }] },
    });
    expect(await kitchen.shop.conflicts.list()).toEqual([]);
    expect(await kitchen.shop.status()).toMatchObject({ pending: 0, conflicts: 0 });
    expect(await bar.shop.conflicts.list({ state: 'settled' })).toEqual([]);

    await kitchen.shop.conflicts.undo(conflict!.id);
    await syncAll(kitchen, bar);
    expect([await price(kitchen), await price(bar)]).toEqual([2, 2]);
    expect(await kitchen.shop.outbox.list()).toEqual([]);
    expect(await kitchen.shop.quarantine.list()).toEqual([]);
    expect(await kitchen.shop.conflicts.list({ state: 'settled' })).toMatchObject([{ id: conflict!.id }]);
  });
});

describe('a decision that comes too late', () => {
  test('because the record has changed lies in the quarantine; the conflict is still open, and can be answered again', async () => {
    const { bar, kitchen, id } = await inConflict();
    await kitchen.shop.conflicts.resolve(id, 'device');
    await bar.shop.shelves.patch('s1', { label: 'New' });
    await syncAll(bar, kitchen);
    expect(await label(kitchen)).toBe('New');
    const [item] = await kitchen.shop.quarantine.list();
    expect(item).toMatchObject({ code: 'conflict_changed', rejected: true });
    const [conflict] = await kitchen.shop.conflicts.list();
    expect(conflict).toMatchObject({ id, state: 'open' });
    expect(conflict).not.toHaveProperty('decision');

    await kitchen.shop.quarantine.resend(item?.place ?? 0);
    expect(await label(kitchen)).toBe('Kitchen');
    await syncAll(kitchen, bar);
    expect([await label(kitchen), await label(bar)]).toEqual(['Kitchen', 'Kitchen']);
    expect(await kitchen.shop.quarantine.list()).toEqual([]);
  });

  test('because somebody at the server has decided lies in the quarantine, and changes nothing', async () => {
    const { bar, kitchen, id } = await inConflict();
    await kitchen.shop.conflicts.resolve(id, 'device');
    const caller = { key: null, device: '', actor: 'operator' };
    await server.engine.resolve(caller, 'shop-1', id, { seenVersion: 2 }, { type: 'server' });
    await syncAll(kitchen, bar);
    expect([await label(kitchen), await label(bar)]).toEqual(['Bar', 'Bar']);
    const [item] = await kitchen.shop.quarantine.list();
    expect(item).toMatchObject({ code: 'conflict_settled' });
    await expect(kitchen.shop.quarantine.resend(item?.place ?? 0)).rejects.toMatchObject({
      code: 'conflict_settled',
    });
    await kitchen.shop.quarantine.discard(item?.place ?? 0, 'seen');
    await kitchen.shop.conflicts.undo(id);
    await syncAll(kitchen, bar);
    expect([await label(kitchen), await label(bar)]).toEqual(['Kitchen', 'Kitchen']);
  });
});

describe('a device refuses to decide', () => {
  test('what it does not know, what is answered already, what is not open, and what does not fit', async () => {
    const { kitchen, id } = await inConflict();
    const { conflicts } = kitchen.shop;
    await expect(conflicts.resolve(7, 'server')).rejects.toMatchObject({ code: 'entry_unknown' });
    await expect(conflicts.undo(id)).rejects.toMatchObject({ code: 'conflict_settled' });
    await expect(conflicts.resolve(id, { value: { label: 7 } })).rejects.toMatchObject({
      ...{ code: 'invalid_record', collection: 'shelves', field: 'label' },
    });
    await conflicts.resolve(id, 'server');
    await expect(conflicts.resolve(id, 'device')).rejects.toMatchObject({ code: 'decision_pending' });
    await syncAll(kitchen);
    await expect(conflicts.resolve(id, 'device')).rejects.toMatchObject({ code: 'conflict_settled' });
    expect(await kitchen.shop.status()).toMatchObject({ pending: 0, quarantined: 0 });
  });
});

test('one conflict is listed behind another, of either state', async () => {
  const { bar, kitchen } = await inConflict();
  await bar.shop.shelves.put({ id: 's2', label: 'Top' });
  await syncAll(bar, kitchen);
  await bar.shop.shelves.patch('s2', { label: 'Bar' });
  await kitchen.shop.shelves.patch('s2', { label: 'Kitchen' });
  await syncAll(bar, kitchen);
  const ids = async (query: Parameters<typeof kitchen.shop.conflicts.list>[0]) =>
    (await kitchen.shop.conflicts.list(query)).map(({ id }) => id);
  expect([await ids({}), await ids({ after: 1 }), await ids({ limit: 1 })]).toEqual([[1, 2], [2], [1]]);
  await kitchen.shop.conflicts.resolve(1, 'server');
  await kitchen.shop.conflicts.resolve(2, 'device');
  await syncAll(kitchen);
  expect([await ids({}), await ids({ state: 'settled' })]).toEqual([[], [1, 2]]);
  expect(await ids({ state: 'settled', after: 1 })).toEqual([2]);
});
