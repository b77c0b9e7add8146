// The database of the preset hims as reports read it: plain SQL, from another connection, while the server runs.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { composeServer, type HoldfastServer } from '../compose.ts';
import { defineConfig } from '../config.ts';
import { presetOptions } from './presets.ts';

let data: string;
let server: HoldfastServer;
let url: string;

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'holdfast-hims-'));
  const options = presetOptions('hims', {});
  const here = { host: '127.0.0.1', port: 0, data, discovery: false, logLevel: 'silent' } as const;
  server = composeServer(defineConfig({ ...options, ...here }));
  ({ url } = await server.start());
});
afterEach(async () => {
  await server.stop();
  await rm(data, { recursive: true, force: true });
});

async function post(path: string, body: object): Promise<Record<string, unknown>> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  expect(answer.status).toBe(200);
  return (await answer.json()) as Record<string, unknown>;
}

const push = (deviceUuid: string, records: object[]) =>
  post('/sync/push', { deviceUuid, data: { stock_items: records } });

function rows(sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(join(data, 'hims_master.db'), { readOnly: true });
  try {
    return database
      .prepare(sql)
      .all()
      .map((row) => ({ ...row }));
  } finally {
    database.close();
  }
}

test('items, devices, syncs and conflicts are plain SQL', async () => {
  await post('/devices/register', { uuid: 'tab-1', name: 'Kitchen', role: 'client' });
  const later = '2026-01-02T00:00:00.000Z';
  const tea = { uuid: 'i-1', item_name: 'Tea', current_stock: 4, last_modified: later, shelf: 'B' };
  await push('tab-1', [tea, { uuid: 'i-2', item_name: 'Rum', last_modified: later }]);
  const older = { ...tea, item_name: 'Old tea', last_modified: '2026-01-01T00:00:00.000Z' };
  await push('tab-2', [older, { uuid: 'i-2', last_modified: '2026-01-03T00:00:00.000Z', is_deleted: 1 }]);
  expect(rows('select uuid, item_name, current_stock from stock_items')).toEqual([
    { uuid: 'i-1', item_name: 'Tea', current_stock: 4 },
  ]);
  expect(
    rows("select last_modified, is_synced, source_device, body ->> '$.shelf' as shelf from stock_items"),
  ).toEqual([{ last_modified: later, is_synced: 1, source_device: 'tab-1', shelf: 'B' }]);
  expect(rows('select uuid, name, ip_address, role, is_active from devices order by uuid')).toMatchObject([
    { uuid: 'tab-1', name: 'Kitchen', ip_address: '127.0.0.1', role: 'client', is_active: 1 },
    { uuid: 'tab-2', is_active: 1 },
  ]);
  expect(
    rows(
      'select id, table_name, record_uuid, device_uuid, device_timestamp, server_timestamp, resolution from conflict_log',
    ),
  ).toEqual([
    {
      ...{ id: 1, table_name: 'stock_items', record_uuid: 'i-1', device_uuid: 'tab-2', resolution: null },
      ...{ device_timestamp: older.last_modified, server_timestamp: later },
    },
  ]);
  const [conflict = {}] = rows('select device_payload, server_payload from conflict_log');
  expect(JSON.parse(String(conflict.device_payload))).toMatchObject({ item_name: 'Old tea' });
  expect(JSON.parse(String(conflict.server_payload))).toMatchObject({ item_name: 'Tea' });
  // What is read is written first.
  await fetch(`${url}/stats`);
  expect(
    rows("select device_uuid, sync_type, success from sync_log where sync_type = 'push' order by id"),
  ).toEqual([
    { device_uuid: 'tab-1', sync_type: 'push', success: 1 },
    { device_uuid: 'tab-2', sync_type: 'push', success: 1 },
  ]);
});

test('a record that another protocol or a person changed has the time of that change', async () => {
  const tea = { uuid: 'i-1', item_name: 'Tea', last_modified: '2026-01-02T00:00:00.000Z' };
  await push('tab-1', [tea]);
  await push('tab-2', [{ ...tea, item_name: 'Green tea', last_modified: '2026-01-01T00:00:00.000Z' }]);
  const [{ id = 0 } = {}] = rows('select id from conflict_log');
  await post(`/conflicts/${id}/resolve`, { resolution: 'keep_device', resolvedBy: 'Kim' });
  const [item = {}] = rows('select item_name, last_modified from stock_items');
  expect(item.item_name).toBe('Green tea');
  const pulled = await post('/sync/pull', { deviceUuid: 'tab-1', tables: ['stock_items'] });
  expect(pulled.data).toMatchObject({ stock_items: [{ last_modified: item.last_modified }] });
  expect(rows('select resolution from conflict_log')).toEqual([{ resolution: 'keep_device' }]);
});
