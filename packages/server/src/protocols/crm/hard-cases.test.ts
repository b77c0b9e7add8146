// What goes wrong in the field, for crm beyond the table of all protocols (cli/hard-cases.test.ts).

import { afterEach, expect, test } from 'vitest';
import {
  all,
  Browser,
  customer,
  deletedCustomer,
  noon,
  said,
  startCrm,
  type TestCrm,
} from './crm.fixture.ts';

let running: TestCrm | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

async function open(): Promise<{ crm: TestCrm; a: Browser; b: Browser }> {
  running = await startCrm();
  running.clock.wall = noon + 3_600_000;
  return { crm: running, a: new Browser(running, 'browser-a'), b: new Browser(running, 'browser-b') };
}

async function facts({ started }: TestCrm) {
  const { bytes: _, ...counts } = await started.engine.inspect.counts();
  return counts;
}

test('a push with every kind of outcome, ten times and over a restart, is one', async () => {
  const { crm, a, b } = await open();
  await b.push([customer('c1', 0, { name: 'Ada' }), customer('c2', 0, { name: 'Al' }), customer('c3', 0)]);
  const records = [
    customer('new', 1, { name: 'New' }),
    customer('new', 2, { city: 'Rome' }),
    customer('new', 2, { city: 'Rome' }),
    customer('c1', 100, { name: 'Bea' }),
    customer('c2', -100, { name: 'Bo' }),
    deletedCustomer('c3', 50),
    customer('c3', 20, { name: 'late' }),
    deletedCustomer('never', 5),
    { customer_id: 'bad' },
  ];
  const first = await a.push(records);
  expect(said(first)).toMatchObject({ c1: 'client', c2: 'server', never: 'DELETE' });
  const before = await facts(crm);
  for (let n = 0; n < 9; n += 1) {
    crm.clock.wall += 1_000;
    if (n === 4) await crm.restart();
    // Bookkeeping says nothing of a repeat.
    const again = records.map((record) => ({ ...record, sync_status: 'UNSYNCED', last_synced_at: n }));
    const { conflicts, ...rest } = await a.push(n % 2 === 0 ? records : again);
    expect(rest).toEqual({ success: true, applied: first.applied, errors: first.errors });
    const without = ({ clientVersion: _, ...conflict }: (typeof conflicts)[number]) => conflict;
    expect(conflicts.map(without)).toEqual(first.conflicts.map(without));
  }
  expect(await facts(crm)).toEqual(before);
});

test('a repeat after others have written is answered as the first time, under whatever strategy, and changes nothing', async () => {
  const { crm, a, b } = await open();
  await a.push([customer('c', 0, { name: 'Ada' })]);
  const mine = [customer('c', 100, { name: 'Bea' })];
  const first = await b.push(mine, 'newest_wins');
  await a.pull();
  await a.push([customer('c', 200, { name: 'Cleo' })]);
  const before = await facts(crm);
  for (const strategy of ['newest_wins', 'client_wins', 'merge', 'server_wins'])
    expect(await b.push(mine, strategy)).toEqual(first);
  expect(await all(crm)).toMatchObject({ c: { name: 'Cleo' } });
  expect(await facts(crm)).toEqual(before);
});

test('a push whose reply was lost, sent again with newer work and after a restart, conflicts with nothing', async () => {
  const { crm, a, b } = await open();
  await a.push([customer('c', 0, { name: 'Ada' })]);
  await b.pull();
  const lost = customer('c', 100, { name: 'Bea' });
  await b.push([lost]);
  await crm.restart();
  const answer = await b.push([lost, customer('c', 200, { name: 'Cleo' }), customer('d', 200)]);
  expect(answer.conflicts).toEqual([]);
  expect(await all(crm)).toMatchObject({ c: { name: 'Cleo' }, d: {} });
});

test('what a device has read is known after a restart', async () => {
  const { crm, a, b } = await open();
  await a.push([customer('c', 0, { name: 'Ada' })]);
  await b.pull();
  await crm.restart();
  expect(said(await b.push([customer('c', -500, { name: 'Bea' })]))).toEqual({ c: 'UPDATE' });
});

test('a page that was sent and whose timestamp did not come back was not read', async () => {
  const { a, b } = await open();
  await a.push([customer('c', 0, { name: 'Ada' })]);
  await b.page();
  expect(said(await b.push([customer('c', 500, { name: 'Bea' })]))).toEqual({ c: 'client' });
});

test('two devices that delete one record, and one that brings it back later', async () => {
  const { crm, a, b } = await open();
  await a.push([customer('c', 0, { name: 'Ada' })]);
  await b.pull();
  expect(said(await a.push([deletedCustomer('c', 100)]))).toEqual({ c: 'DELETE' });
  expect(said(await b.push([deletedCustomer('c', 200)]))).toEqual({ c: 'DELETE' });
  expect(said(await b.push([customer('c', 50, { name: 'late' })]))).toEqual({ c: 'server' });
  expect(said(await b.push([customer('c', 900, { name: 'Bea' })]))).toEqual({ c: 'CREATE' });
  expect(said(await a.push([customer('c', 60, { name: 'later' })], 'client_wins'))).toMatchObject({
    c: 'client',
  });
  expect(Object.keys(await all(crm))).toEqual(['c']);
});

test.each([
  '__proto__',
  'constructor',
  "'; DROP TABLE hf_records; --",
  '../../etc/passwd',
  '🧾 №1',
  ' ',
  'a/b?c=d&e#f',
  'x'.repeat(200),
])('the name %j is one like any other', async (name) => {
  const { crm } = await open();
  const [a, b] = [new Browser(crm, name), new Browser(crm, `${name.slice(0, 199)}b`)];
  expect(said(await a.push([customer(name, 0, { [`f-${name}`]: name })]))).toEqual({ [name]: 'CREATE' });
  expect((await b.status()).pendingChanges).toBe(1);
  await b.pull();
  expect(b.customers.get(name)).toMatchObject({ [`f-${name}`]: name });
  expect((await b.push([customer(name, 50, { name: 'x' })])).applied).toMatchObject([{ uniqueId: name }]);
  await a.push([customer(name, 500, { name: 'y' })]);
  const { data } = await b.resolve({ uniqueId: name, resolution: 'server_wins' });
  expect(data).toMatchObject({ customer_id: name, name: 'x' });
});
