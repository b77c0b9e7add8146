// The database of the preset crm as reports read it: plain SQL, from another connection, while the server runs.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  at,
  Browser,
  customer,
  deletedCustomer,
  noon,
  startCrm,
  type TestCrm,
} from '../protocols/crm/crm.fixture.ts';

let crm: TestCrm;
let a: Browser;
let b: Browser;
beforeEach(async () => {
  crm = await startCrm();
  crm.clock.wall = noon + 3_600_000;
  [a, b] = [new Browser(crm, 'browser-a'), new Browser(crm, 'browser-b')];
});
afterEach(() => crm.stop());

function rows(sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(join(crm.data, 'holdfast.db'), { readOnly: true });
  try {
    return database
      .prepare(sql)
      .all()
      .map((row) => ({ ...row }));
  } finally {
    database.close();
  }
}

test('entities are plain SQL, with their times and who wrote them', async () => {
  const ada = customer('CUST_001', 0, { name: 'Ada', email: 'ada@example.com', tier: 'gold' });
  await a.pushAll({
    customers: [ada, customer('CUST_002', 0)],
    orders: [{ order_id: 'O-1', customer_id: 'CUST_001', total: 12.5, updated_at: at(1) }],
    payments: [{ payment_id: 'P-1', order_id: 'O-1', amount: 12.5, updated_at: noon }],
    projects: [{ project_id: 'J-1', name: 'Engine', updated_at: at(3) }],
  });
  await b.push([deletedCustomer('CUST_002', 100)]);
  const synced = { sync_status: 'SYNCED', source_device: 'browser-a' };
  const [row = {}, ...more] = rows('select * from customers');
  const { body, ...columns } = row;
  expect(more).toEqual([]);
  expect(columns).toEqual({
    ...{ id: 1, customer_id: 'CUST_001', name: 'Ada', email: 'ada@example.com', phone: null },
    ...{ ...synced, updated_at: at(0), last_synced_at: '2026-11-22T13:00:00.000Z' },
  });
  expect(JSON.parse(String(body))).toMatchObject({ tier: 'gold' });
  expect(rows('select order_id, customer_id, total from orders')).toEqual([
    { order_id: 'O-1', customer_id: 'CUST_001', total: 12.5 },
  ]);
  expect(rows('select payment_id, amount, order_id from payments')).toEqual([
    { payment_id: 'P-1', amount: 12.5, order_id: 'O-1' },
  ]);
  expect(rows('select project_id, name, updated_at from projects')).toEqual([
    { project_id: 'J-1', name: 'Engine', updated_at: at(3) },
  ]);
});

test('conflicts tell both versions, the strategy and the winner; syncs what was counted', async () => {
  await a.push(['c1', 'c2', 'c3', 'c4', 'c5'].map((id) => customer(id, 100, { name: 'Ada' })));
  await b.push([customer('c1', 200, { name: 'Bea' })], 'server_wins');
  await b.push([customer('c2', 200, { name: 'Bea' })], 'newest_wins');
  await b.push([customer('c3', 200, { phone: '1' })], 'merge');
  await b.push([customer('c4', 100, { name: 'Bea' })], 'client_wins');
  await b.push([deletedCustomer('c5', 0)]);
  await a.push([customer('c5', 0, { name: 'late' })]);
  await a.resolve({ uniqueId: 'c1', resolution: 'client_wins' });
  expect(rows('select unique_id, device_id, strategy, winner, resolved_by from conflict_log')).toEqual([
    {
      unique_id: 'c1',
      device_id: 'browser-b',
      strategy: 'server_wins',
      winner: 'server',
      resolved_by: 'person',
    },
    {
      unique_id: 'c2',
      device_id: 'browser-b',
      strategy: 'newest_wins',
      winner: 'client',
      resolved_by: 'policy',
    },
    { unique_id: 'c3', device_id: 'browser-b', strategy: 'merge', winner: 'merged', resolved_by: 'policy' },
    // Within the tolerance.
    { unique_id: 'c4', device_id: 'browser-b', strategy: 'merge', winner: 'merged', resolved_by: 'policy' },
    {
      unique_id: 'c5',
      device_id: 'browser-b',
      strategy: 'newest_wins',
      winner: 'client',
      resolved_by: 'policy',
    },
    {
      unique_id: 'c5',
      device_id: 'browser-a',
      strategy: 'newest_wins',
      winner: 'server',
      resolved_by: 'policy',
    },
  ]);
  const [first = {}] = rows('select * from conflict_log where id = 1');
  expect(first).toMatchObject({ client_updated_at: at(200), server_updated_at: at(100) });
  expect(JSON.parse(String(first.client_version))).toMatchObject({ name: 'Bea' });
  expect(JSON.parse(String(first.server_version))).toMatchObject({ name: 'Ada' });
  // What is read is written first.
  await a.status();
  expect(rows('select device_id, kind, success, pushed, conflicts from sync_history limit 2')).toEqual([
    { device_id: 'browser-a', kind: 'push', success: 1, pushed: 5, conflicts: 0 },
    { device_id: 'browser-b', kind: 'push', success: 1, pushed: 1, conflicts: 1 },
  ]);
});
