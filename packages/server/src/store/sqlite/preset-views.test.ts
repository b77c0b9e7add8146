// Views as presets declare them, read with plain SQL while the store is open.

import { DatabaseSync } from 'node:sqlite';
import { defineSchema, type Settlement } from '@holdfast/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import type { SqlView } from '../sql-views.ts';
import { conflict, mutationRow, record, verdict, write, writesOf } from '../writes.fixture.ts';
import { createTestFolder, type TestFolder } from './sqlite.fixture.ts';

const schema = defineSchema({
  version: 1,
  collections: {
    stock_items: {
      kind: 'request',
      fields: z.object({
        item_name: z.string().optional(),
        current_stock: z.number().optional(),
        last_modified: z.string().optional(),
        is_synced: z.number().optional(),
      }),
    },
    orders: { kind: 'request', fields: z.object({ total: z.number(), device_id: z.string() }) },
    plain: { kind: 'request', fields: z.object({ n: z.number() }) },
  },
});

const views: readonly SqlView[] = [
  {
    name: 'stock_items',
    collection: 'stock_items',
    columns: {
      uuid: 'id',
      last_modified: { first: [{ field: 'last_modified', protocol: 'hims' }, { iso: 'madeAt' }] },
      source_device: 'device',
      is_synced: { value: 1 },
      sync_version: 'version',
      body: 'body',
    },
    fields: 'unnamed',
  },
  {
    name: 'sync_orders',
    collection: 'orders',
    columns: {
      id: 'number',
      local_id: 'id',
      total: { field: 'total' },
      server_hash: 'bodyHash',
      sync_version: 'declared',
      created_at: 'createdAt',
      updated_at: 'madeAt',
    },
  },
  {
    name: 'devices',
    table: 'devices',
    columns: {
      uuid: 'device',
      name: 'name',
      ip_address: 'address',
      role: 'role',
      last_seen: { iso: 'seenAt' },
      is_active: 'active',
    },
  },
  {
    name: 'sync_log',
    table: 'syncs',
    columns: { id: 'place', device_uuid: 'device', kind: 'kind', ok: 'ok', inserted: { field: 'inserted' } },
  },
  {
    name: 'conflict_log',
    table: 'conflicts',
    columns: {
      id: 'id',
      table_name: 'collection',
      record_uuid: 'record',
      device_uuid: 'device',
      device_timestamp: { field: 'last_modified', of: 'deviceBody' },
      server_timestamp: {
        first: [{ field: 'last_modified', of: 'serverBody', protocol: 'hims' }, { iso: 'serverMadeAt' }],
      },
      device_payload: 'deviceBody',
      server_payload: 'serverBody',
      ruling: 'ruling',
      resolution: { renamed: 'resolution', as: { server: 'use_server', device: 'keep_device' } },
      resolved_by: 'resolvedBy',
      created_at: { iso: 'at' },
    },
  },
];

let folder: TestFolder;

beforeEach(() => {
  folder = createTestFolder();
});
afterEach(() => folder.remove());

function rows(sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(folder.file, { readOnly: true });
  try {
    return database
      .prepare(sql)
      .all()
      .map((row) => ({ ...row }));
  } finally {
    database.close();
  }
}

const at = Date.UTC(2026, 10, 21, 8, 30, 0, 7);
const iso = '2026-11-21T08:30:00.007Z';
const row = (seq: number, collection: string, body: object | null, more = {}) =>
  record(seq, { collection, madeAt: at, body: body && JSON.stringify(body), ...more });

test('a preset’s view stands for its collection, while the server runs: ids, times, writers, fields, and all else as JSON', async () => {
  const store = await folder.open(1, { schema, views });
  const tea = { item_name: 'Tea', current_stock: 4, last_modified: 'yesterday', is_synced: 0, note: 'x' };
  const records = [
    row(1, 'stock_items', tea, { writer: 'hims/tab/1' }),
    row(2, 'stock_items', { item_name: "O'Neil", last_modified: 'of another version' }),
    row(3, 'stock_items', null),
    row(4, 'plain', { n: 7 }),
  ];
  const replica = {
    ...{ replica: 'replica-1', device: 'till-1', repeated: [], waited: [], batch: 1 },
    ...{ verdicts: 0, verdictsSeen: 0, waiting: 0, renewed: false },
  };
  await write(store, writesOf({ scope: { head: 4 }, records, replicas: [replica] }));
  expect(rows('select uuid, item_name, current_stock from stock_items order by uuid')).toEqual([
    { uuid: 'record-1', item_name: 'Tea', current_stock: 4 },
    { uuid: 'record-2', item_name: "O'Neil", current_stock: null },
  ]);
  const [first, second] = rows('select * from stock_items order by uuid');
  expect(first).toEqual({
    ...{ uuid: 'record-1', last_modified: 'yesterday', source_device: 'tab/1', is_synced: 1 },
    ...{ sync_version: 1, body: JSON.stringify(tea), item_name: 'Tea', current_stock: 4 },
  });
  expect(second).toMatchObject({ last_modified: iso, source_device: 'till-1' });
  expect(rows("select body ->> '$.note' as note from stock_items where uuid = 'record-1'")).toEqual([
    { note: 'x' },
  ]);
  expect(rows('select * from plain')).toEqual([{ scope: 'shop', id: 'record-4', version: 4, n: 7 }]);
  await store.close();
});

test('a view may have another name than its collection, and tells when a record was first made', async () => {
  const store = await folder.open(1, { schema, views });
  const order = { total: 12.5, device_id: 'till' };
  const first = row(1, 'orders', { total: 1 }, { id: 'o-1', number: 9, madeAt: 100 });
  const second = row(2, 'orders', order, { id: 'o-1', number: 9, declared: 3, madeAt: 200, bodyHash: 'h' });
  await write(store, writesOf({ scope: { head: 1 }, records: [first] }));
  await write(
    store,
    writesOf({ scope: { head: 2 }, records: [second], history: [{ record: first, supersededAt: 200 }] }),
  );
  expect(rows('select * from sync_orders')).toEqual([
    {
      ...{ id: 9, local_id: 'o-1', total: 12.5, server_hash: 'h', sync_version: 3 },
      ...{ created_at: 100, updated_at: 200 },
    },
  ]);
  expect(() => rows('select * from orders')).toThrow('no such table');
  await store.close();
});

test('views tell of devices, syncs and conflicts', async () => {
  const store = await folder.open(1, { schema, views });
  const till = { device: 'till', name: 'Till', role: 'client', address: '10.0.0.7', key: null };
  const times = { createdAt: 1, seenAt: at, revokedAt: null };
  const sync = { at, protocol: 'hims', device: 'till', scope: 'main', kind: 'push', ok: false };
  await store.commit(async (transaction) => {
    await transaction.putDevices([{ ...till, ...times }]);
    await transaction.putSyncs({ entries: [{ ...sync, facts: { inserted: 3 } }], counts: [] }, 9);
  });
  const device = { uuid: 'till', name: 'Till', ip_address: '10.0.0.7', role: 'client', last_seen: iso };
  expect(rows('select * from devices')).toEqual([{ ...device, is_active: 1 }]);
  await store.identity.revokeDevice('till', 5, {
    at: 5,
    actor: '',
    action: 'device.revoke',
    subject: 'till',
  });
  expect(rows('select is_active from devices')).toEqual([{ is_active: 0 }]);
  expect(rows('select device_uuid, kind, ok, inserted from sync_log')).toEqual([
    { device_uuid: 'till', kind: 'push', ok: 0, inserted: 3 },
  ]);
  const server = { item_name: 'Tea', last_modified: 'noon' };
  const put = { item_name: 'Coffee', last_modified: 'dawn' };
  const target = { collection: 'stock_items', id: 'a' };
  const settlement: Settlement = {
    ...{ by: 'person', resolution: 'device', at, actor: 'Kim', seq: 1, before: null, after: null },
    counted: true,
  };
  const sides = { collection: 'stock_items', record: 'a', device: 'till', at, server };
  await write(
    store,
    writesOf({
      mutations: ['first', 'last'].map((id) =>
        mutationRow(id, { verdict: verdict(id, 1, { ruling: id === 'last' ? 'older' : 'differs' }) }),
      ),
      conflicts: [
        conflict(1, {
          ...{ ...sides, changes: [{ type: 'put', ...target, body: put }] },
          made: { device: 1, server: 2, serverWriter: 'hims/tab' },
        }),
        conflict(2, {
          ...sides,
          changes: [
            { type: 'patch', ...target, set: {} },
            { type: 'patch', ...target, set: put },
          ],
          mutations: ['first', 'last'],
          state: 'settled',
          settlement,
          made: { device: 1, server: at + 1, serverWriter: 'pos/tab' },
        }),
        conflict(3, { ...sides, server: null, changes: [{ type: 'delete', ...target }] }),
      ],
    }),
  );
  const shown = {
    ...{ table_name: 'stock_items', record_uuid: 'a', device_uuid: 'till' },
    ...{ device_timestamp: 'dawn', server_timestamp: 'noon', created_at: iso },
    ...{ device_payload: JSON.stringify(put), server_payload: JSON.stringify(server) },
  };
  expect(rows('select * from conflict_log order by id')).toEqual([
    { id: 1, ...shown, ruling: null, resolution: null, resolved_by: null },
    {
      ...{ id: 2, ...shown, ruling: 'older', server_timestamp: '2026-11-21T08:30:00.008Z' },
      ...{ resolution: 'keep_device', resolved_by: 'Kim' },
    },
    {
      ...{ id: 3, ...shown, ruling: null, resolution: null, resolved_by: null },
      ...{
        device_timestamp: null,
        server_timestamp: '1970-01-01T00:00:00.004Z',
        device_payload: null,
        server_payload: null,
      },
    },
  ]);
  await store.close();
});

test('views go with the preset that declared them, and names as attack stay names', async () => {
  const names = () => rows("select name from sqlite_schema where type = 'view' order by name");
  const name = `x"; drop table hf_records; --`;
  const attack: SqlView = {
    ...{ name, collection: 'plain' },
    columns: { 'a"b': { field: `'"$` }, c: { renamed: { value: `it's` }, as: { "it's": `"'` } } },
  };
  const store = await folder.open(1, { schema, views: [attack] });
  await write(store, writesOf({ scope: { head: 1 }, records: [row(1, 'plain', { '\'"$': 5 })] }));
  expect(rows(`select * from "${name.replaceAll('"', '""')}"`)).toEqual([{ 'a"b': 5, c: `"'` }]);
  await store.close();
  await (await folder.open(2, { schema, views })).close();
  expect(names().map((one) => one.name)).toEqual([
    ...['conflict_log', 'devices', 'plain', 'stock_items', 'sync_log', 'sync_orders'],
  ]);
  await (await folder.open(3, { schema })).close();
  expect(names().map((one) => one.name)).toEqual(['orders', 'plain', 'stock_items']);
});
