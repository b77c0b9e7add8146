// The socket, message by message.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DocumentsServer, type Said, serve, settle, startMs } from './documents.fixture.ts';

let server: DocumentsServer;
beforeEach(async () => {
  server = await serve();
});
afterEach(() => server.close());

const empty = { appointments: [], consultations: [], prescriptions: [], medicalRecords: [] };
const at = 1_642_680_000_000;

test('on connect all four collections come, also when there is nothing', async () => {
  const client = await server.connect('anna', 'phone');
  expect(await client.next()).toEqual({ type: 'FULL_SYNC', data: empty, timestamp: 0 });
});

test('an update is acknowledged to its sender and told to the other devices of the user, and of no other', async () => {
  const phone = await server.connect('anna', 'phone');
  const tablet = await server.connect('anna', 'tablet');
  const other = await server.connect('ben', 'tablet');
  for (const client of [phone, tablet, other]) await client.await('FULL_SYNC');
  const document = { id: 'apt_123', title: 'Check', deep: { list: [1, 'a', null] } };
  phone.update('appointments', document, at, 'm1');
  expect(await phone.next()).toEqual({ type: 'ACK', messageId: 'm1', timestamp: startMs });
  expect(await tablet.next()).toEqual({
    type: 'DATA_UPDATE',
    data: { collection: 'appointments', document },
    timestamp: startMs,
    fromDevice: 'phone',
  });
  phone.remove('appointments', 'apt_123', at + 1, 'm2');
  expect(await phone.next()).toEqual({ type: 'ACK', messageId: 'm2', timestamp: startMs + 1 });
  expect(await tablet.next()).toEqual({
    type: 'DATA_DELETE',
    data: { collection: 'appointments', documentId: 'apt_123' },
    timestamp: startMs + 1,
    fromDevice: 'phone',
  });
  for (const client of [phone, tablet, other]) expect(await client.rest()).toEqual([]);
});

test('an acknowledged change is there after a restart, and before anybody read it', async () => {
  const phone = await server.connect('anna', 'phone');
  await phone.await('FULL_SYNC');
  phone.update('appointments', { id: 'a', n: 1 }, at, 'm1');
  await phone.await('ACK');
  await server.restart();
  const again = await server.connect('anna', 'phone');
  expect((await again.next()).data).toEqual({ ...empty, appointments: [{ id: 'a', n: 1 }] });
});

test('a message in a binary frame is read like any other', async () => {
  const phone = await server.connect('anna', 'phone');
  await phone.await('FULL_SYNC');
  const message = { type: 'DATA_UPDATE', userId: 'anna', deviceId: 'phone', messageId: 'm1' };
  const data = { collection: 'appointments', document: { id: 'é' }, timestamp: at };
  phone.socket.send(Buffer.from(JSON.stringify({ ...message, data })));
  expect(await phone.next()).toEqual({ type: 'ACK', messageId: 'm1', timestamp: startMs });
  phone.socket.send(Buffer.from([0xff, 0xfe]));
  expect(await phone.next()).toMatchObject({ type: 'ERROR', error: { code: 'INVALID_JSON' } });
});

test('a message that no store could hold is an ERROR with its messageId', async () => {
  const phone = await server.connect('anna', 'phone');
  await phone.await('FULL_SYNC');
  phone.say('{"type":"DATA_UPDATE","messageId":"m1","data":{"document":{"id":"a","constructor":1}}}');
  expect(await phone.next()).toEqual({
    type: 'ERROR',
    error: { code: 'INVALID_JSON', message: expect.stringMatching(/^data\.document\.constructor: /) },
    messageId: 'm1',
  });
});

test('without a messageId nothing is acknowledged', async () => {
  const phone = await server.connect('anna', 'phone');
  await phone.await('FULL_SYNC');
  phone.update('appointments', { id: 'a' }, at);
  expect(await phone.rest()).toEqual([]);
  phone.say({ type: 'REQUEST_SYNC' });
  expect((await phone.next()).data.appointments).toEqual([{ id: 'a' }]);
});

test('an update that is older than what is stored brings its sender the stored document, and changes nothing', async () => {
  const phone = await server.connect('anna', 'phone');
  const tablet = await server.connect('anna', 'tablet');
  for (const client of [phone, tablet]) await client.await('FULL_SYNC');
  phone.update('appointments', { id: 'a', n: 2 }, at + 2, 'm1');
  await phone.await('ACK');
  await tablet.await('DATA_UPDATE');
  tablet.update('appointments', { id: 'a', n: 1 }, at + 1, 'm2');
  expect(await tablet.next()).toMatchObject({
    type: 'DATA_UPDATE',
    data: { collection: 'appointments', document: { id: 'a', n: 2 } },
    fromDevice: 'phone',
  });
  expect(await tablet.next()).toMatchObject({ type: 'ACK', messageId: 'm2' });
  expect(await phone.rest()).toEqual([]);
  phone.remove('appointments', 'a', at + 5, 'm3');
  await phone.await('ACK');
  await tablet.await('DATA_DELETE');
  tablet.update('appointments', { id: 'a', n: 4 }, at + 4, 'm4');
  expect(await tablet.next()).toMatchObject({ type: 'DATA_DELETE', data: { documentId: 'a' } });
  expect(await tablet.next()).toMatchObject({ type: 'ACK', messageId: 'm4' });
});

test('at the same time the later arrival wins, and a document is replaced whole', async () => {
  const phone = await server.connect('anna', 'phone');
  const tablet = await server.connect('anna', 'tablet');
  for (const client of [phone, tablet]) await client.await('FULL_SYNC');
  phone.update('appointments', { id: 'a', mine: 1, both: 1 }, at, 'm1');
  await phone.await('ACK');
  tablet.update('appointments', { id: 'a', both: 2 }, at, 'm2');
  await tablet.await('ACK');
  expect(await phone.await('DATA_UPDATE')).toMatchObject({ data: { document: { id: 'a', both: 2 } } });
  phone.say({ type: 'REQUEST_SYNC' });
  expect((await phone.await('FULL_SYNC')).data.appointments).toEqual([{ id: 'a', both: 2 }]);
});

test('two sockets of one device both get what others send, and nothing of their own', async () => {
  const one = await server.connect('anna', 'phone');
  const two = await server.connect('anna', 'phone');
  const tablet = await server.connect('anna', 'tablet');
  for (const client of [one, two, tablet]) await client.await('FULL_SYNC');
  one.update('appointments', { id: 'a' }, at, 'm1');
  await one.await('ACK');
  await tablet.await('DATA_UPDATE');
  tablet.update('appointments', { id: 'b' }, at, 'm2');
  await tablet.await('ACK');
  for (const client of [one, two]) {
    expect(await client.next()).toMatchObject({ type: 'DATA_UPDATE', data: { document: { id: 'b' } } });
    expect(await client.rest()).toEqual([]);
  }
});

test('collections that a client names itself come behind the four', async () => {
  const phone = await server.connect('anna', 'phone');
  await phone.await('FULL_SYNC');
  phone.update('labResults', { id: 'l1' }, at, 'm1');
  await phone.await('ACK');
  phone.say({ type: 'REQUEST_SYNC' });
  const { data } = await phone.await('FULL_SYNC');
  expect(Object.keys(data)).toEqual([...Object.keys(empty), 'labResults']);
  expect(data.labResults).toEqual([{ id: 'l1' }]);
});

const update = {
  type: 'DATA_UPDATE',
  data: { collection: 'appointments', document: { id: 'a' }, timestamp: at },
};
const wrong: [string, Said, string, RegExp][] = [
  ['no JSON', '{', 'INVALID_JSON', /JSON/],
  ['JSON that is no object', '[]', 'INVALID_MESSAGE', /./],
  ['nothing', 'null', 'INVALID_MESSAGE', /./],
  ['a key that no record may have', '{"__proto__":1}', 'INVALID_JSON', /__proto__/],
  ['an unknown type', { type: 'HELLO' }, 'UNKNOWN_TYPE', /type/],
  ['a type of the server', { type: 'FULL_SYNC', data: {} }, 'UNKNOWN_TYPE', /type/],
  ['the type __proto__', { type: '__proto__' }, 'UNKNOWN_TYPE', /type/],
  ['no type', { data: {} }, 'INVALID_MESSAGE', /type/],
  ['no data', { type: 'DATA_UPDATE' }, 'INVALID_MESSAGE', /data/],
  ['another user', { ...update, userId: 'ben' }, 'FORBIDDEN', /userId/],
  ['another device', { ...update, deviceId: 'tablet' }, 'FORBIDDEN', /deviceId/],
  ['no user', { ...update, userId: undefined }, 'INVALID_MESSAGE', /userId/],
  ['another user’s sync', { type: 'REQUEST_SYNC', userId: 'ben' }, 'FORBIDDEN', /userId/],
  [
    'no document',
    { ...update, data: { collection: 'appointments', timestamp: at } },
    'INVALID_MESSAGE',
    /data\.document/,
  ],
  ['no id', { ...update, data: { ...update.data, document: { n: 1 } } }, 'INVALID_MESSAGE', /document\.id/],
  [
    'an id that is a number',
    { ...update, data: { ...update.data, document: { id: 7 } } },
    'INVALID_MESSAGE',
    /document\.id/,
  ],
  [
    'an empty id',
    { ...update, data: { ...update.data, document: { id: '' } } },
    'INVALID_MESSAGE',
    /document\.id/,
  ],
  [
    'an id without end',
    { ...update, data: { ...update.data, document: { id: 'x'.repeat(100_000) } } },
    'INVALID_MESSAGE',
    /document\.id/,
  ],
  ['no time', { ...update, data: { ...update.data, timestamp: undefined } }, 'INVALID_MESSAGE', /timestamp/],
  [
    'a time that is none',
    { ...update, data: { ...update.data, timestamp: 'now' } },
    'INVALID_MESSAGE',
    /timestamp/,
  ],
  [
    'a time beyond all dates',
    { ...update, data: { ...update.data, timestamp: 9e15 } },
    'INVALID_MESSAGE',
    /timestamp/,
  ],
  [
    'a collection with a space',
    { ...update, data: { ...update.data, collection: 'my things' } },
    'INVALID_MESSAGE',
    /collection/,
  ],
  [
    'a collection with SQL',
    { ...update, data: { ...update.data, collection: 'a"; DROP TABLE hf_records;--' } },
    'INVALID_MESSAGE',
    /collection/,
  ],
  [
    'a collection of 65 characters',
    { ...update, data: { ...update.data, collection: 'x'.repeat(65) } },
    'INVALID_MESSAGE',
    /collection/,
  ],
  [
    'a collection like the server’s own tables',
    { ...update, data: { ...update.data, collection: 'hf_records' } },
    'COLLECTION_UNKNOWN',
    /collection/,
  ],
];

test.each(wrong)(
  '%s is an ERROR, nothing is written, and the connection stays',
  async (_, message, code, words) => {
    const phone = await server.connect('anna', 'phone');
    await phone.await('FULL_SYNC');
    phone.say(typeof message === 'string' ? message : { ...message, messageId: 'm1' });
    const answer = await phone.next();
    expect(answer).toMatchObject({ type: 'ERROR', error: { code } });
    expect(answer.error.message).toMatch(words);
    if (typeof message !== 'string') expect(answer.messageId).toBe('m1');
    phone.say({ type: 'REQUEST_SYNC' });
    expect(await phone.next()).toEqual({ type: 'FULL_SYNC', data: empty, timestamp: 0 });
  },
);

test.each(['constructor', 'toString', 'hasOwnProperty', 'x'.repeat(64)])(
  'the collection %s is one like any other',
  async (collection) => {
    const phone = await server.connect('anna', 'phone');
    await phone.await('FULL_SYNC');
    phone.update(collection, { id: '__proto__' }, at, 'm1');
    await phone.await('ACK');
    phone.say({ type: 'REQUEST_SYNC' });
    expect((await phone.await('FULL_SYNC')).data[collection]).toEqual([{ id: '__proto__' }]);
  },
);

test.each([
  ['', /userId/],
  ['userId=anna', /deviceId/],
  ['deviceId=phone', /userId/],
  ['userId=&deviceId=phone', /userId/],
  [`userId=${'x'.repeat(196)}&deviceId=phone`, /userId/],
  ['userId=%ff&deviceId=phone', /userId/],
])('a connection with %j is closed with 4400 and a reason', async (query, words) => {
  const client = await server.open(query);
  const { code, reason } = await client.ended;
  expect([code, reason]).toEqual([4400, expect.stringMatching(words)]);
});

test('a message of 1 MiB is taken or told to be too large; one byte more closes with 1009', async () => {
  const phone = await server.connect('anna', 'phone');
  await phone.await('FULL_SYNC');
  phone.say(`"${'x'.repeat(1_048_574)}"`);
  expect(await phone.next()).toMatchObject({ type: 'ERROR' });
  phone.say(`"${'x'.repeat(1_048_575)}"`);
  expect((await phone.ended).code).toBe(1009);
});

test('a ping goes out every 30 s, and who missed two is gone', async () => {
  const awake = await server.connect('anna', 'phone');
  const asleep = await server.connect('anna', 'tablet');
  let pings = 0;
  awake.socket.on('ping', () => {
    pings += 1;
  });
  for (const client of [awake, asleep]) await client.await('FULL_SYNC');
  asleep.socket.pause();
  await server.pass(60_500);
  expect(pings).toBe(2);
  expect((await server.get('/health')).body.connections).toBe(2);
  await server.pass(30_000);
  expect((await server.get('/health')).body.connections).toBe(1);
  expect(awake.socket.readyState).toBe(1);
});

test('what a client asks for comes behind what it wrote', async () => {
  const phone = await server.connect('anna', 'phone');
  await phone.await('FULL_SYNC');
  for (let n = 0; n < 100; n += 1) phone.update('appointments', { id: `a${n}` }, at, `m${n}`);
  phone.say({ type: 'REQUEST_SYNC' });
  expect((await phone.await('FULL_SYNC')).data.appointments).toHaveLength(100);
});

test('a server that ends tells its clients to come back', async () => {
  const phone = await server.connect('anna', 'phone');
  await phone.await('FULL_SYNC');
  const ended = phone.ended;
  await server.restart();
  await settle();
  expect([1012, 1006]).toContain((await ended).code);
});
