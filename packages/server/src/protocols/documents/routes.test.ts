// The HTTP, request by request.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DocumentsServer, type Said, serve, startMs } from './documents.fixture.ts';

let server: DocumentsServer;
beforeEach(async () => {
  server = await serve();
});
afterEach(() => server.close());

const empty = { appointments: [], consultations: [], prescriptions: [], medicalRecords: [] };
const at = 1_642_680_000_000;
const phone = { 'Device-ID': 'phone' };
const tablet = { 'Device-ID': 'tablet' };

function update(id: string, fields: object = {}, timestamp = at, more: object = {}): object {
  return {
    type: 'DATA_UPDATE',
    data: { collection: 'appointments', document: { id, ...fields }, timestamp },
    userId: 'anna',
    deviceId: 'phone',
    ...more,
  };
}

function removal(documentId: string, timestamp?: number, more: object = {}): object {
  const data = { collection: 'appointments', documentId, timestamp };
  return { type: 'DATA_DELETE', data, userId: 'anna', deviceId: 'phone', ...more };
}

const push = (...changes: unknown[]) => server.post('/api/sync/anna', { changes }, phone);
const sync = async (since?: number | string) =>
  (await server.get(`/api/sync/anna${since === undefined ? '' : `?since=${since}`}`, tablet)).body;

test('a user without anything has four empty collections', async () => {
  expect(await sync()).toEqual({ success: true, data: empty, timestamp: 0 });
  expect(await sync(5)).toEqual({ success: true, data: empty, deleted: empty, timestamp: 5 });
  // With a time to come it would miss what comes.
  expect((await sync(startMs + 1)).timestamp).toBe(0);
});

test('what was pushed is read back, whole and since', async () => {
  const { status, body } = await push(update('a', { n: 1 }), update('b', { n: 2 }));
  expect([status, body]).toEqual([
    200,
    { success: true, applied: 2, errors: [], updates: [], timestamp: startMs + 1 },
  ]);
  const whole = await sync();
  expect(whole).toEqual({
    success: true,
    data: {
      ...empty,
      appointments: [
        { id: 'a', n: 1 },
        { id: 'b', n: 2 },
      ],
    },
    timestamp: startMs + 1,
  });
  expect(await sync(whole.timestamp)).toMatchObject({
    data: empty,
    deleted: empty,
    timestamp: whole.timestamp,
  });
  await push(removal('a', at + 1));
  const changed = await sync(whole.timestamp);
  expect(changed).toMatchObject({ data: empty, deleted: { ...empty, appointments: ['a'] } });
  expect((await sync(changed.timestamp)).deleted).toEqual(empty);
  expect((await sync()).data.appointments).toEqual([{ id: 'b', n: 2 }]);
});

test('since above all that is there is read as the newest stamp', async () => {
  await push(update('a'));
  const { timestamp } = await sync(9_000_000_000_000_000);
  expect(timestamp).toBe(startMs);
  await push(update('b'));
  expect((await sync(timestamp)).data.appointments).toEqual([{ id: 'b' }]);
});

test('what is wrong is told one by one, and the rest is taken', async () => {
  const { body } = await push(
    update('a'),
    update(''),
    'nothing',
    null,
    { type: 'REQUEST_SYNC' },
    { type: 'NOTHING' },
    update('b', {}, at, { userId: 'ben' }),
    update('c', {}, at, { deviceId: 'tablet', messageId: 'm3' }),
    { ...update('d'), data: { collection: 'a b', document: { id: 'd' }, timestamp: at } },
    removal('gone', at),
    update('e', {}, at, { userId: undefined, deviceId: undefined }),
  );
  expect(body).toMatchObject({ success: true, applied: 3 });
  const told = body.errors.map(({ index, id, code }: Said) => [index, id, code]);
  expect(told).toEqual([
    [1, '', 'INVALID_MESSAGE'],
    [2, undefined, 'INVALID_MESSAGE'],
    [3, undefined, 'INVALID_MESSAGE'],
    [4, undefined, 'UNKNOWN_TYPE'],
    [5, undefined, 'UNKNOWN_TYPE'],
    [6, 'b', 'FORBIDDEN'],
    [7, 'c', 'FORBIDDEN'],
    [8, 'd', 'INVALID_MESSAGE'],
  ]);
  expect(body.errors[6]).toMatchObject({ collection: 'appointments', messageId: 'm3' });
  expect((await sync()).data.appointments).toEqual([{ id: 'a' }, { id: 'e' }]);
});

test('an older change is not applied, and its sender gets what is stored', async () => {
  await push(update('a', { n: 2 }, at + 2));
  const change = { ...update('a', { n: 1 }, at + 1), deviceId: 'tablet' };
  const { body } = await server.post('/api/sync/anna', { changes: [change] }, tablet);
  expect(body).toMatchObject({ success: true, applied: 0, errors: [] });
  expect(body.updates).toEqual([
    {
      type: 'DATA_UPDATE',
      data: { collection: 'appointments', document: { id: 'a', n: 2 } },
      timestamp: startMs,
      fromDevice: 'phone',
    },
  ]);
});

test('what is pushed is told to the sockets of other devices', async () => {
  const own = await server.connect('anna', 'phone');
  const other = await server.connect('anna', 'tablet');
  for (const client of [own, other]) await client.await('FULL_SYNC');
  await push(update('a'), removal('b', at));
  expect(await other.next()).toMatchObject({ type: 'DATA_UPDATE', fromDevice: 'phone' });
  expect(await other.next()).toMatchObject({ type: 'DATA_DELETE', data: { documentId: 'b' } });
  expect(await own.rest()).toEqual([]);
});

test('a since that says nothing is none', async () => {
  await push(update('a'), removal('a', at + 1));
  expect((await sync('')).deleted).toBeUndefined();
  expect((await sync('0')).deleted.appointments).toEqual(['a']);
});

test('a message that stands twice in a request came once, also a delete without a time', async () => {
  const gone = removal('a', undefined, { messageId: 'm1' });
  server.clock.wall += 1_000;
  const { body } = await push(
    gone,
    update('a', { n: 1 }, server.clock.wall + 1_000, { messageId: 'm2' }),
    gone,
  );
  expect(body).toMatchObject({ applied: 3, errors: [] });
  expect((await sync()).data.appointments).toEqual([{ id: 'a', n: 1 }]);
});

test('a change that no store could hold refuses itself alone, and is told by its names', async () => {
  const bad = JSON.stringify(update('bad', { n: 'HERE' }, at, { messageId: 'm7' })).replace(
    '"HERE"',
    '1e400',
  );
  const text = `{"changes":[${JSON.stringify(update('a'))},${bad},{"__proto__":1},${JSON.stringify(update('b'))}]}`;
  const { status, body } = await server.post('/api/sync/anna', text, phone);
  expect([status, body.applied]).toEqual([200, 2]);
  expect(body.errors).toMatchObject([
    { index: 1, collection: 'appointments', id: 'bad', messageId: 'm7', code: 'INVALID_JSON' },
    { index: 2, code: 'INVALID_JSON', message: expect.stringMatching(/^__proto__: /) },
  ]);
  expect((await sync()).data.appointments).toEqual([{ id: 'a' }, { id: 'b' }]);
});

test('what was changed in days without a network comes in one request', async () => {
  const text = 'x'.repeat(20_000);
  const { body } = await push(...Array.from({ length: 100 }, (_, n) => update(`a${n}`, { text })));
  expect(body).toMatchObject({ applied: 100, errors: [] });
});

test('more changes than one commit takes are all taken', async () => {
  await server.close();
  server = await serve({ limits: { batchMutationsMax: 100, answerVerdictsMax: 100 } });
  const { body } = await push(...Array.from({ length: 250 }, (_, n) => update(`a${n}`)), update('a0'));
  expect(body).toMatchObject({ applied: 251, errors: [] });
  expect((await sync()).data.appointments).toHaveLength(250);
});

test.each([
  ['no Device-ID', 'GET', '/api/sync/anna', {}, undefined, 400, /device-id/],
  ['no Device-ID', 'POST', '/api/sync/anna', {}, { changes: [] }, 400, /device-id/],
  ['an empty one', 'GET', '/api/sync/anna', { 'Device-ID': '' }, undefined, 400, /device-id/],
  ['one without end', 'GET', '/api/sync/anna', { 'Device-ID': 'x'.repeat(201) }, undefined, 400, /device-id/],
  ['a since that is none', 'GET', '/api/sync/anna?since=yesterday', phone, undefined, 400, /since/],
  ['a since before all', 'GET', '/api/sync/anna?since=-1', phone, undefined, 400, /since/],
  ['no changes', 'POST', '/api/sync/anna', phone, {}, 400, /changes/],
  ['changes that are no list', 'POST', '/api/sync/anna', phone, { changes: {} }, 400, /changes/],
  ['no object', 'POST', '/api/sync/anna', phone, [], 400, /./],
  ['no JSON', 'POST', '/api/sync/anna', phone, '{"changes":', 400, /JSON/],
  ['a forbidden key', 'POST', '/api/sync/anna', phone, '{"__proto__":1,"changes":[]}', 400, /__proto__/],
  ['too much', 'POST', '/api/sync/anna', phone, { changes: ['x'.repeat(8 * 1_048_576)] }, 413, /./],
  ['too long a user', 'GET', `/api/sync/${'x'.repeat(196)}`, phone, undefined, 400, /userId/],
  ['no such path', 'GET', '/api/nothing', phone, undefined, 404, /./],
])('%s (%s %s) is refused in the envelope', async (_, method, path, headers, body, status, words) => {
  const answer = method === 'GET' ? await server.get(path, headers) : await server.post(path, body, headers);
  expect(answer).toMatchObject({ status, body: { success: false, error: expect.stringMatching(words) } });
  expect(JSON.stringify(answer.body)).not.toMatch(/\.ts:|node_modules/);
  expect(await sync()).toEqual({ success: true, data: empty, timestamp: 0 });
});

test.each([
  '__proto__',
  'constructor',
  `'; DROP TABLE hf_records; --`,
  '../../etc/passwd',
  'main',
  'a/b?c#d',
  'Ünïcödé 🙂',
  'x'.repeat(195),
])('the user and document %j are ones like any other', async (name) => {
  const path = `/api/sync/${encodeURIComponent(name)}`;
  const change = { ...update(name, { n: 1 }), userId: name };
  const { body } = await server.post(path, { changes: [change] }, phone);
  expect(body).toMatchObject({ applied: 1, errors: [] });
  expect((await server.get(path, phone)).body.data.appointments).toEqual([{ id: name, n: 1 }]);
  const socket = await server.connect(name, 'tablet');
  expect((await socket.next()).data.appointments).toEqual([{ id: name, n: 1 }]);
  expect(await sync()).toMatchObject({ data: empty, timestamp: 0 });
});

test('a device has one name in a header and in a socket’s query', async () => {
  const deviceId = 'Gerät 🙂';
  const own = await server.connect('anna', deviceId);
  await own.await('FULL_SYNC');
  const header = Buffer.from(deviceId).toString('latin1');
  const changes = [{ ...update('a'), deviceId }];
  const { body } = await server.post('/api/sync/anna', { changes }, { 'Device-ID': header });
  expect(body).toMatchObject({ applied: 1, errors: [] });
  expect(await own.rest()).toEqual([]);
});

test('the operator is told counts of the whole server, or nothing', async () => {
  const clients = [
    await server.connect('anna', 'phone'),
    await server.connect('anna', 'tablet'),
    await server.connect('ben', 'phone'),
  ];
  for (const client of clients) await client.await('FULL_SYNC');
  await push(update('a'), update('b'), removal('b', at + 1));
  await server.post('/api/sync/ben', { changes: [{ ...update('a'), userId: 'ben' }] }, phone);
  expect((await server.get('/health')).body).toEqual({
    status: 'ok',
    connections: 3,
    users: 2,
    documents: 2,
  });
  await server.close();
  server = await serve({ health: 'minimal' });
  expect((await server.get('/health')).body).toEqual({ status: 'ok' });
});
