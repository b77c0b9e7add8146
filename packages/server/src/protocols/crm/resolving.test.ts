// Conflicts by a person's word: also those that a strategy settled are settled again, and every device pulls what became of it.

import type { JsonObject } from '@holdfast/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { all, at, Browser, customer, deletedCustomer, noon, startCrm, type TestCrm } from './crm.fixture.ts';

let crm: TestCrm;
let a: Browser;
let b: Browser;
beforeEach(async () => {
  crm = await startCrm();
  crm.clock.wall = noon + 3_600_000;
  [a, b] = [new Browser(crm, 'browser-a'), new Browser(crm, 'browser-b')];
  await a.push([customer('c', 0, { name: 'Ada', city: 'Rome', phone: '1' })]);
  await b.pull();
  await a.push([customer('c', 100, { name: 'Bea', city: 'Oslo' })]);
});
afterEach(() => crm.stop());

const mine = { name: 'Cleo', phone: '2' };
const server = { name: 'Bea', city: 'Oslo', phone: '1' };
const client = { name: 'Cleo', city: 'Oslo', phone: '2' };
const when = '2026-11-22T13:00:00.000Z';

test.each<[string, string, JsonObject]>([
  ['server_wins', 'client_wins', client],
  ['server_wins', 'server_wins', server],
  ['client_wins', 'server_wins', server],
  ['client_wins', 'client_wins', client],
  ['newest_wins', 'server_wins', server],
  ['merge', 'client_wins', client],
  ['merge', 'server_wins', server],
])('settled by %s, then by a person with %s', async (strategy, resolution, expected) => {
  const { conflicts } = await b.push([customer('c', 200, mine)], strategy);
  const before = await all(crm);
  const answer = await b.resolve({ conflictId: conflicts[0]?.conflictId, resolution });
  expect(answer).toMatchObject({ success: true, entityType: 'customers', entityId: 1, resolution });
  expect(answer.data).toMatchObject({ customer_id: 'c', ...expected, sync_status: 'SYNCED' });
  const { updated_at: _, ...stands } = (await all(crm)).c ?? {};
  expect(stands).toEqual(expected);
  // What it wrote is a change like any other, of that moment.
  if (JSON.stringify(before) !== JSON.stringify(await all(crm))) {
    expect(answer.data.updated_at).toBe(when);
    expect(await a.pull()).toEqual(['c']);
    expect(a.customers.get('c')).toMatchObject(expected);
  }
});

test.each([{ uniqueId: 'c' }, { entityId: 1 }])(
  '%j means the latest conflict of the record',
  async (named) => {
    await b.push([customer('c', 200, mine)], 'server_wins');
    const other = new Browser(crm, 'browser-c');
    await other.push([customer('c', 300, { name: 'Dee' })], 'server_wins');
    const answer = await b.resolve({ ...named, resolution: 'client_wins' });
    expect(answer.data).toMatchObject({ name: 'Dee', phone: '1' });
    const conflicts = await crm.started.engine.inspect.conflicts('main', { max: 9 });
    expect(conflicts.map(({ id, settlement }) => [id, settlement?.by])).toEqual([
      [1, 'policy'],
      [2, 'person'],
    ]);
  },
);

test('a merge writes the fields that it names, and what it overwrites stays in the history', async () => {
  await b.push([customer('c', 200, mine)], 'server_wins');
  const resolvedData = { customer_id: 'c', name: 'Both', id: 5, updated_at: at(0), sync_status: 'UNSYNCED' };
  const { data } = await b.resolve({ uniqueId: 'c', resolution: 'merge', resolvedData });
  const { last_synced_at: _, ...merged } = data;
  expect(merged).toEqual({
    ...{ customer_id: 'c', ...server, name: 'Both', id: 5 },
    ...{ updated_at: when, sync_status: 'SYNCED' },
  });
  const again = await b.resolve({ uniqueId: 'c', resolution: 'server_wins' });
  expect(again.data).toMatchObject(server);
});

test('what was deleted comes back by a person’s word, and goes by one', async () => {
  await b.push([deletedCustomer('c', 200)]);
  const kept = await a.resolve({ uniqueId: 'c', resolution: 'server_wins' });
  expect(kept.data).toMatchObject(server);
  expect(await all(crm)).toMatchObject({ c: server });
  const gone = await a.resolve({ uniqueId: 'c', resolution: 'client_wins' });
  expect(gone.data).toEqual({ customer_id: 'c', deleted: true, updated_at: expect.any(String) });
  const back = { uniqueId: 'c', resolution: 'merge', resolvedData: { name: 'Back' } };
  expect((await a.resolve(back)).data).toMatchObject({ name: 'Back' });
});

test.each<[string, object, number, RegExp]>([
  ['no conflict', { conflictId: 99, resolution: 'merge', resolvedData: {} }, 404, /conflict/],
  ['no record', { uniqueId: 'none', resolution: 'server_wins' }, 404, /conflict/],
  ['no number', { entityId: 77, resolution: 'server_wins' }, 404, /conflict/],
  ['another entity', { entityType: 'orders', conflictId: 1, resolution: 'server_wins' }, 404, /conflict/],
  ['no entity', { entityType: 'things', conflictId: 1, resolution: 'server_wins' }, 400, /^entityType/],
  ['nothing named', { resolution: 'server_wins' }, 400, /^conflictId/],
  ['no resolution', { uniqueId: 'c' }, 400, /^resolution/],
  ['newest_wins', { uniqueId: 'c', resolution: 'newest_wins' }, 400, /^resolution/],
  ['a merge of nothing', { uniqueId: 'c', resolution: 'merge' }, 400, /^resolvedData/],
  [
    'a merge that deletes',
    { uniqueId: 'c', resolution: 'merge', resolvedData: { deleted: true } },
    400,
    /^resolvedData\.deleted/,
  ],
])('%s', async (_what, asked, expected, error) => {
  await b.push([customer('c', 200, mine)]);
  const before = await all(crm);
  const named = { deviceId: 'browser-b', entityType: 'customers', ...asked };
  const { status, body } = await crm.send('/api/sync/resolve-conflict', named);
  expect({ status, body }).toMatchObject({ status: expected, body: { success: false } });
  expect(body.error).toMatch(error);
  expect(await all(crm)).toEqual(before);
});
