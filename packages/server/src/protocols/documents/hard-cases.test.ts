// The cases in which a sync goes wrong that was only tried on good days: numbered as in the list of cases that all protocols share.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Client, type DocumentsServer, type Said, serve, startMs } from './documents.fixture.ts';

let server: DocumentsServer;
beforeEach(async () => {
  server = await serve();
});
afterEach(() => server.close());

const at = 1_642_680_000_000;

function update(id: string, fields: object, timestamp: number, more: object = {}): object {
  return {
    type: 'DATA_UPDATE',
    data: { collection: 'appointments', document: { id, ...fields }, timestamp },
    ...more,
  };
}

function removal(documentId: string, timestamp?: number, more: object = {}): object {
  return { type: 'DATA_DELETE', data: { collection: 'appointments', documentId, timestamp }, ...more };
}

async function push(deviceId: string, ...changes: unknown[]): Promise<Said> {
  const { status, body } = await server.post('/api/sync/anna', { changes }, { 'Device-ID': deviceId });
  expect(status).toBe(200);
  return body;
}

async function sync(since?: number): Promise<Said> {
  const query = since === undefined ? '' : `?since=${since}`;
  return (await server.get(`/api/sync/anna${query}`, { 'Device-ID': 'reader' })).body;
}

const stored = async (): Promise<Said[]> => (await sync()).data.appointments;

/** A device that keeps what it is told. */
function keeps(): { take(body: Said): void; documents: Map<string, Said>; since: number } {
  const documents = new Map<string, Said>();
  return {
    documents,
    since: 0,
    take({ data, deleted, timestamp }) {
      for (const document of data.appointments) documents.set(document.id, document);
      for (const id of deleted.appointments) documents.delete(id);
      this.since = timestamp;
    },
  };
}

test('one who reads by timestamps while four others push misses nothing', async () => {
  // Pages of 7: what one answer holds is read in many.
  await server.close();
  server = await serve({ limits: { pageRecordsMax: 7, pageRecordsDefault: 7 } });
  const reader = keeps();
  const writers = ['a', 'b', 'c', 'd'].map(async (device) => {
    for (let n = 0; n < 25; n += 1) {
      const own = update(`${device}${n}`, { n }, at + n);
      const common = n % 5 === 4 ? removal(`x${n % 3}`, at + n) : update(`x${n % 3}`, { n, device }, at + n);
      await push(device, own, common);
    }
  });
  let writing = true;
  const done = Promise.all(writers).then(() => {
    writing = false;
  });
  while (writing) reader.take(await sync(reader.since));
  await done;
  reader.take(await sync(reader.since));
  const whole = await stored();
  expect(whole.length).toBeGreaterThanOrEqual(100);
  expect([...reader.documents.values()].sort(byId)).toEqual(whole.sort(byId));
});

test('a socket that is open while four others push hears all, in their order', async () => {
  const listener = await server.connect('anna', 'listener');
  await listener.await('FULL_SYNC');
  const sockets = await Promise.all(['a', 'b', 'c', 'd'].map((device) => server.connect('anna', device)));
  for (const socket of sockets)
    for (let n = 0; n < 100; n += 1)
      socket.update('appointments', { id: `${socket.deviceId}${n % 10}`, n }, at + n, `m${n}`);
  for (const socket of sockets) await acknowledged(socket, 'm99');
  const told = await listener.rest();
  const stamps = told.map(({ timestamp }) => timestamp);
  expect(stamps).toEqual([...stamps].sort((a, b) => a - b));
  const heard = new Map(told.map(({ data: { document } }) => [document.id, document]));
  expect([...heard.values()].sort(byId)).toEqual((await stored()).sort(byId));
});

test('one who connects while others push has all that there is', async () => {
  const writer = await server.connect('anna', 'writer');
  await writer.await('FULL_SYNC');
  const late: Client[] = [];
  for (let n = 0; n < 200; n += 1) {
    writer.update('appointments', { id: `a${n % 20}`, n }, at + n, `m${n}`);
    if (n % 20 === 10) late.push(await server.connect('anna', `late${n}`));
  }
  await acknowledged(writer, 'm199');
  const whole = (await stored()).sort(byId);
  for (const client of late) {
    const [first, ...rest] = await client.rest();
    const documents = new Map(first.data.appointments.map((document: Said) => [document.id, document]));
    for (const { data } of rest) documents.set(data.document.id, data.document);
    expect([...documents.values()].sort(byId as never)).toEqual(whole);
  }
});

test('a thousand changes of one millisecond are told apart, and each timestamp is safe', async () => {
  await push('phone', ...Array.from({ length: 1_000 }, (_, n) => update(`a${n}`, {}, at)));
  const { timestamp, data } = await sync();
  expect([data.appointments.length, timestamp]).toEqual([1_000, startMs + 999]);
  for (const since of [startMs - 1, startMs, startMs + 500, startMs + 998])
    expect((await sync(since)).data.appointments).toHaveLength(startMs + 999 - since);
});

test('a clock of the server that steps back hides nothing', async () => {
  await push('phone', update('a', {}, at));
  const { timestamp } = await sync();
  server.clock.wall -= 3_600_000;
  await push('phone', update('b', {}, at));
  const news = await sync(timestamp);
  expect(news.data.appointments).toEqual([{ id: 'b' }]);
  expect(news.timestamp).toBe(timestamp + 1);
  await server.restart();
  await push('phone', update('c', {}, at));
  expect((await sync(news.timestamp)).data.appointments).toEqual([{ id: 'c' }]);
});

test('what was written long ago and pushed late still reaches all others', async () => {
  await push('phone', update('a', {}, at));
  const { timestamp } = await sync();
  const tablet = await server.connect('anna', 'tablet');
  await tablet.await('FULL_SYNC');
  await push('phone', update('b', {}, 1_000));
  expect((await sync(timestamp)).data.appointments).toEqual([{ id: 'b' }]);
  expect(await tablet.next()).toMatchObject({ data: { document: { id: 'b' } } });
});

test('the same push ten times leaves what one leaves, and is answered alike', async () => {
  const changes = [
    update('a', { n: 1 }, at, { messageId: 'm1' }),
    update('b', { n: 2 }, at),
    removal('c', at + 1, { messageId: 'm2' }),
    removal('d', undefined, { messageId: 'm3' }),
    update('', {}, at),
  ];
  const first = await push('phone', ...changes);
  const before = await sync(0);
  for (let n = 0; n < 9; n += 1) expect(await push('phone', ...changes)).toEqual(first);
  expect(await sync(0)).toEqual(before);
  expect(first).toMatchObject({ applied: 4, errors: [{ index: 4 }] });
  const { conflicts } = await server.started.engine.inspect.counts();
  expect(conflicts).toBe(0);
});

test('a repeat after another device has written changes nothing, over the socket or HTTP', async () => {
  const change = { messageId: 'm1' };
  await push('phone', update('a', { n: 1 }, at, change));
  await push('tablet', update('a', { n: 2 }, at));
  await push('phone', update('a', { n: 1 }, at, change));
  expect(await stored()).toEqual([{ id: 'a', n: 2 }]);
  const phone = await server.connect('anna', 'phone');
  await phone.await('FULL_SYNC');
  phone.update('appointments', { id: 'a', n: 1 }, at, 'm1');
  expect(await phone.next()).toMatchObject({ type: 'ACK', messageId: 'm1' });
  expect(await stored()).toEqual([{ id: 'a', n: 2 }]);
});

test('a delete without a time, repeated after a newer document came, deletes nothing', async () => {
  const change = removal('a', undefined, { messageId: 'm1' });
  await push('phone', change);
  server.clock.wall += 10_000;
  await push('tablet', update('a', { n: 1 }, server.clock.wall));
  server.clock.wall += 10_000;
  await push('phone', change);
  expect(await stored()).toEqual([{ id: 'a', n: 1 }]);
  // Without an id of the message each is a new one.
  await push('phone', removal('a'));
  expect(await stored()).toEqual([]);
});

test('a push whose acknowledgement was lost is acknowledged when it comes again', async () => {
  const phone = await server.connect('anna', 'phone');
  await phone.await('FULL_SYNC');
  phone.update('appointments', { id: 'a', n: 1 }, at, 'm1');
  await phone.await('ACK');
  phone.socket.terminate();
  await server.restart();
  const again = await server.connect('anna', 'phone');
  expect((await again.next()).data.appointments).toEqual([{ id: 'a', n: 1 }]);
  again.update('appointments', { id: 'a', n: 1 }, at, 'm1');
  expect(await again.next()).toEqual({ type: 'ACK', messageId: 'm1', timestamp: startMs });
  expect((await sync()).timestamp).toBe(startMs);
});

test('a delete stands against an older update, whichever came first; a newer one makes it anew', async () => {
  await push('phone', removal('a', at + 5));
  const { applied, updates } = await push('tablet', update('a', { n: 4 }, at + 4));
  expect([applied, updates[0].type]).toEqual([0, 'DATA_DELETE']);
  expect(await stored()).toEqual([]);
  await push('tablet', update('a', { n: 6 }, at + 6));
  expect(await stored()).toEqual([{ id: 'a', n: 6 }]);
});

test('a device whose clock stands in 2099 does not win for ever, also when it tries again', async () => {
  const ahead = Date.UTC(2099, 0, 1);
  const change = update('a', { n: 'far', madeAt: ahead }, ahead, { messageId: 'm1' });
  await push('tablet', change);
  // Its own value stays in the record.
  expect(await stored()).toEqual([{ id: 'a', n: 'far', madeAt: ahead }]);
  server.clock.wall += 60_000;
  await push('phone', update('a', { n: 'now' }, server.clock.wall));
  server.clock.wall += 60_000;
  await push('tablet', change);
  expect(await stored()).toEqual([{ id: 'a', n: 'now' }]);
});

test('two devices that edit from one state: the newer edit stands, whatever order they come in', async () => {
  for (const order of [
    [1, 2],
    [2, 1],
  ]) {
    const id = `a${order.join('')}`;
    await push('phone', update(id, { n: 0 }, at));
    for (const n of order) await push(n === 1 ? 'phone' : 'tablet', update(id, { n }, at + n));
    expect((await stored()).find((document) => document.id === id)).toEqual({ id, n: 2 });
  }
});

test('equal times with other content: the later arrival stands for all', async () => {
  const sockets = [await server.connect('anna', 'phone'), await server.connect('anna', 'tablet')] as const;
  for (const socket of sockets) await socket.await('FULL_SYNC');
  const [phone, tablet] = sockets;
  phone.update('appointments', { id: 'a', by: 'phone' }, at, 'm1');
  await phone.await('ACK');
  tablet.update('appointments', { id: 'a', by: 'tablet' }, at, 'm2');
  await tablet.await('ACK');
  expect(await phone.await('DATA_UPDATE')).toMatchObject({ data: { document: { by: 'tablet' } } });
  expect(await stored()).toEqual([{ id: 'a', by: 'tablet' }]);
});

test('nobody is shown another’s data, by no path and no name', async () => {
  await push('phone', update('secret', { canary: 'CANARY' }, at));
  const others = ['ben', 'Anna', 'anna ', 'user:anna', 'anna/', '%61nna%', ''].filter((name) => name !== '');
  for (const name of others) {
    const path = `/api/sync/${encodeURIComponent(name)}`;
    const { body } = await server.get(path, { 'Device-ID': 'phone' });
    expect(body).toMatchObject({ data: { appointments: [] }, timestamp: 0 });
    const socket = await server.connect(name, 'phone');
    expect(JSON.stringify(await socket.rest())).not.toContain('CANARY');
  }
  // Nor through a request that names one user in its path and another in its messages.
  const { body } = await server.post(
    '/api/sync/ben',
    { changes: [update('secret', { canary: 'x' }, at + 9, { userId: 'anna' })] },
    { 'Device-ID': 'phone' },
  );
  expect(body).toMatchObject({ applied: 0, errors: [{ code: 'FORBIDDEN' }] });
  expect(await stored()).toEqual([{ id: 'secret', canary: 'CANARY' }]);
});

test('equal messages of two users with devices of one name are two changes', async () => {
  const change = update('a', { n: 1 }, at, { messageId: 'm1' });
  for (const user of ['anna', 'ben']) {
    const { body } = await server.post(`/api/sync/${user}`, { changes: [change] }, { 'Device-ID': 'phone' });
    expect(body.applied).toBe(1);
    const { body: read } = await server.get(`/api/sync/${user}`, { 'Device-ID': 'phone' });
    expect(read.data.appointments).toEqual([{ id: 'a', n: 1 }]);
  }
});

test('as many named collections as are allowed are taken, and not one more', async () => {
  await server.close();
  server = await serve({ limits: { collectionsNamedMax: 3 } });
  const named = (name: string) => ({
    ...update('a', {}, at),
    data: { collection: name, document: { id: 'a' }, timestamp: at },
  });
  expect(await push('phone', named('one'), named('two'), named('three'))).toMatchObject({
    applied: 3,
    errors: [],
  });
  const { applied, errors } = await push('phone', named('four'), named('two'), named('appointments'));
  expect([applied, errors.length, errors[0].index]).toEqual([2, 1, 0]);
  expect(Object.keys((await sync()).data).slice(4)).toEqual(['one', 'two', 'three']);
});

test('a document as large as a message takes it is stored and told; one beyond its bound is refused alone', async () => {
  const phone = await server.connect('anna', 'phone');
  const tablet = await server.connect('anna', 'tablet');
  for (const client of [phone, tablet]) await client.await('FULL_SYNC');
  phone.update('appointments', { id: 'a', text: 'x'.repeat(1_048_000) }, at, 'm1');
  await phone.await('ACK');
  expect((await tablet.await('DATA_UPDATE')).data.document.text).toHaveLength(1_048_000);
  await server.close();
  server = await serve({ limits: { recordCharsMax: 1_000 } });
  const small = JSON.stringify({ text: '' }).length;
  const body = await push(
    'phone',
    update('fits', { text: 'x'.repeat(1_000 - small) }, at),
    update('beyond', { text: 'x'.repeat(1_001 - small) }, at),
  );
  expect(body).toMatchObject({ applied: 1, errors: [{ index: 1, id: 'beyond' }] });
});

function byId(a: Said, b: Said): number {
  return a.id < b.id ? -1 : 1;
}

async function acknowledged(client: Client, messageId: string): Promise<void> {
  for (;;) if ((await client.await('ACK')).messageId === messageId) return;
}

test('who is corrected is never told something older than it was told before', async () => {
  const phone = await server.connect('anna', 'phone');
  const tablet = await server.connect('anna', 'tablet');
  for (const client of [phone, tablet]) await client.await('FULL_SYNC');
  for (let round = 0; round < 20; round += 1) {
    const id = `a${round}`;
    phone.update('appointments', { id, n: 1 }, startMs + 1, `made ${id}`);
    await phone.await('ACK');
    await tablet.await('DATA_UPDATE');
    tablet.update('appointments', { id, n: 0 }, startMs, `late ${id}`);
    phone.remove('appointments', id, startMs + 2, `gone ${id}`);
    await phone.await('ACK');
    const told = [];
    for (let message = await tablet.next(); ; message = await tablet.next()) {
      told.push(message);
      const types = told.map(({ type }) => type);
      if (types.includes('ACK') && types.includes('DATA_DELETE')) break;
    }
    expect(told.filter(({ type }) => type !== 'ACK').at(-1)).toMatchObject({ type: 'DATA_DELETE' });
  }
});
