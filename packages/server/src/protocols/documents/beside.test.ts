// documents beside others on the records of one user: the native protocol, hims and pos mounted on the user's scope, an operator.

import { defineSchema } from '@holdfast/core';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { type DocumentsServer, type Said, serve, startMs } from './documents.fixture.ts';

let server: DocumentsServer;
afterEach(() => server.close());

const at = startMs - 100_000;
const fields = z.looseObject({});
const tablet = { 'Device-ID': 'tablet' };

let ids = 0;

/** What a native replica changes. */
async function exchange(changes: readonly object[]): Promise<Said> {
  ids += 1;
  const made = { wall: server.clock.wall, mono: 1, session: 's', offset: 0, seen: 0 };
  const id = `018f0000-0000-7000-8000-${String(ids).padStart(12, '0')}`;
  const response = await fetch(`${server.url}/v1/exchange`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      protocol: 'holdfast/1',
      device: 'office',
      replica: 'office-1',
      scope: 'user:anna',
      checkpoint: null,
      schema: 1,
      clock: { wall: server.clock.wall, mono: 2, session: 's' },
      verdictsSeen: 0,
      seqSeen: 0,
      ...(changes.length === 0 ? {} : { batch: { n: ids, mutations: [{ id, schema: 1, made, changes }] } }),
    }),
  });
  return response.json();
}

test('what a replica writes is told to all devices, and what they write it gets', async () => {
  server = await serve();
  const phone = await server.connect('anna', 'phone');
  await phone.await('FULL_SYNC');
  await exchange([{ type: 'put', collection: 'appointments', id: 'a', body: { n: 1 } }]);
  expect(await phone.next()).toEqual({
    type: 'DATA_UPDATE',
    data: { collection: 'appointments', document: { id: 'a', n: 1 } },
    timestamp: startMs,
    fromDevice: 'office-1',
  });
  phone.update('appointments', { id: 'b', n: 2 }, at, 'm1');
  await phone.await('ACK');
  const { records } = await exchange([]);
  expect(records.map(({ id, body }: Said) => [id, body])).toEqual([
    ['a', { n: 1 }],
    ['b', { n: 2 }],
  ]);
  await exchange([{ type: 'patch', collection: 'appointments', id: 'b', base: 2, set: { more: true } }]);
  expect((await phone.next()).data.document).toEqual({ id: 'b', n: 2, more: true });
  await exchange([{ type: 'delete', collection: 'appointments', id: 'a', base: 1 }]);
  expect(await phone.next()).toMatchObject({
    type: 'DATA_DELETE',
    data: { documentId: 'a' },
    fromDevice: 'office-1',
  });
});

test('one collection in hims, pos and documents: what one writes, the others show under their own names', async () => {
  const schema = defineSchema({
    version: 1,
    collections: { items: { kind: 'request', fields, policy: 'newest' } },
  });
  server = await serve({
    prefix: '/documents',
    schema,
    protocols: {
      documents: { prefix: '/documents', collections: { appointments: { collection: 'items', id: 'key' } } },
      hims: { prefix: '/hims', scope: 'user:anna', collections: { stock_items: 'items' } },
      pos: { prefix: '/pos', scope: 'user:anna', collections: { orders: 'items' } },
    },
  });
  const phone = await server.connect('anna', 'phone');
  expect(await phone.next()).toMatchObject({ data: { appointments: [], consultations: [] } });
  const send = async (path: string, body: object): Promise<Said> => {
    const headers = { 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: JSON.stringify(body) };
    return (await fetch(`${server.url}${path}`, init)).json();
  };
  phone.update('appointments', { key: 'd', id: 'own', name: 'from documents' }, at, 'm1');
  await phone.await('ACK');
  const uuid = { uuid: 'h', last_modified: new Date(at).toISOString(), id: 7, item_name: 'from hims' };
  await send('/hims/sync/push', { deviceUuid: 'pc', deviceName: 'PC', data: { stock_items: [uuid] } });
  expect(await phone.next()).toMatchObject({
    type: 'DATA_UPDATE',
    data: { collection: 'appointments', document: { key: 'h', id: 7, item_name: 'from hims' } },
    fromDevice: 'pc',
  });
  const order = { localId: 'p', order: { orderNumber: 'from pos' }, syncVersion: 1, deviceId: 'till' };
  await send('/pos/api/sync/batch', { deviceId: 'till', orders: [order], transactions: [] });
  expect(await phone.next()).toMatchObject({
    data: { document: { key: 'p', orderNumber: 'from pos' } },
    fromDevice: 'till',
  });
  const { data } = (await server.get('/api/sync/anna', tablet)).body;
  expect(data.appointments.map(({ key }: Said) => key)).toEqual(['d', 'h', 'p']);
  expect(data.appointments[0]).toEqual({ key: 'd', id: 'own', name: 'from documents' });
  const pulled = await send('/hims/sync/pull', { deviceUuid: 'other', since: null, tables: ['stock_items'] });
  const himsRecords = pulled.data.stock_items.map(({ uuid: id, id: own, name }: Said) => [id, own, name]);
  expect(himsRecords).toContainEqual(['d', 'own', 'from documents']);
});

test('what an operator takes back is told to all', async () => {
  server = await serve();
  const phone = await server.connect('anna', 'phone');
  const other = await server.connect('anna', 'tablet');
  for (const client of [phone, other]) await client.await('FULL_SYNC');
  phone.update('appointments', { id: 'a', n: 2 }, at + 2, 'm1');
  await phone.await('ACK');
  other.update('appointments', { id: 'a', n: 1 }, at + 1, 'm2');
  await other.await('ACK');
  const { engine } = server.started;
  const [conflict] = await engine.inspect.conflicts('user:anna', { max: 1 });
  const operator = { key: null, device: '', actor: 'operator' };
  const seen = { seenVersion: 1, seenOpen: false };
  await engine.resolve(operator, 'user:anna', conflict?.id ?? 0, seen, { type: 'undo' });
  expect((await phone.await('DATA_UPDATE')).data.document).toEqual({ id: 'a', n: 1 });
  expect((await other.await('DATA_UPDATE')).data.document).toEqual({ id: 'a', n: 1 });
});
