// Sockets of terminals as their client library opens them: who is let in, what each is told, and what ends them.

import { afterEach, expect, test } from 'vitest';
import { removeKey } from '../../identity/keys.ts';
import { type StartOptions, startTerminals, type TestTerminals } from './terminal.fixture.ts';

let server: TestTerminals | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

async function start(options: StartOptions = {}): Promise<TestTerminals> {
  server = await startTerminals(options);
  return server;
}

const all = { allTerminals: true };

test.each(['polling', 'websocket', undefined] as const)('a terminal is told over %s', async (transport) => {
  const { socket, send } = await start();
  const one = socket(transport ? { transport } : {});
  expect(await one.register('t1')).toEqual({ success: true, terminalId: 't1' });
  const { body } = await send('/api/sync/all', { terminalId: 't1' });
  expect(body).toEqual({
    success: true,
    triggered: ['t1'],
    unreachable: [],
    timestamp: '2024-01-01T00:00:00.000Z',
  });
  expect(await one.next()).toEqual({
    type: 'FULL',
    reason: 'API',
    terminalId: 't1',
    timestamp: '2024-01-01T00:00:00.000Z',
  });
});

test('below a prefix, with the path that its client is given', async () => {
  const { socket, send } = await start({ protocols: { terminal: '/shop' } });
  const one = socket({ path: '/shop/socket.io/' });
  await one.register('t1');
  await send('/shop/api/sync/all', { terminalId: 't1' });
  expect((await one.next()).reason).toBe('API');
});

test('one that is not connected is told when it registers, also after a restart', async () => {
  const at = await start({ environment: { AUTO_SYNC_ON_RESTART: 'false' } });
  expect((await at.send('/api/sync/all', { terminalId: 't1' })).body.unreachable).toEqual(['t1']);
  await at.restart();
  const one = at.socket();
  await one.register('t1');
  expect(await one.next()).toMatchObject({ type: 'FULL', reason: 'API', terminalId: 't1' });
  // It is told once.
  one.socket.emit('sync:ack', { terminalId: 't1', type: 'FULL' });
  const other = at.socket();
  await other.register('t1');
  await at.send('/api/sync/all', all);
  expect([(await other.next()).reason, other.told.length]).toEqual(['API', 1]);
});

test('two seconds after a restart every terminal that was known is told, as it connects', async () => {
  const due: (() => void)[] = [];
  const at = await start({
    timer: {
      after(delayMs, run) {
        // Only the restart of terminals is held back for the test.
        if (delayMs === 2_000) {
          due.push(run);
          return { cancel: () => undefined };
        }
        const handle = setTimeout(run, delayMs);
        return { cancel: () => clearTimeout(handle) };
      },
    },
  });
  for (const run of due.splice(0)) run();
  const one = at.socket();
  await one.register('t1');
  await at.send('/api/sync/heartbeat', { terminalId: 't2', status: 'OFFLINE' });
  await at.send('/api/sync/heartbeat', { terminalId: 't3', status: 'MAINTENANCE' });
  expect(one.told).toEqual([]);
  const back = new Promise<void>((resolve) => one.socket.once('connect', resolve));
  await at.restart();
  await back;
  await one.register('t1');
  const fresh = at.socket();
  await fresh.register('t9');
  for (const run of due.splice(0)) run();
  expect(await one.next()).toMatchObject({ type: 'FULL', reason: 'SERVER_RESTART', terminalId: 't1' });
  const late = at.socket();
  await late.register('t2');
  expect(await late.next()).toMatchObject({ reason: 'SERVER_RESTART', terminalId: 't2' });
  const off = at.socket();
  await off.register('t3');
  await at.send('/api/sync/all', all);
  // Neither of them was told of the restart: one said that it is not to be, the other had never been there.
  for (const socket of [off, fresh]) expect((await socket.next()).reason).toBe('API');
});

test('without a key, or with a wrong one, no socket is given; with one in auth or a header it is', async () => {
  const at = await start({ auth: 'keys' });
  const key = await at.key('read');
  for (const options of [
    {},
    { auth: { apiKey: 'nobody' } },
    { auth: { apiKey: 7 } },
    { auth: { token: 'x y' } },
  ]) {
    const refused = at.socket(options);
    await expect(refused.connected()).rejects.toMatchObject({
      data: { success: false, error: expect.any(String) },
    });
    refused.close();
  }
  const stranger = at.socket({ auth: { apiKey: await at.key('write', 'else') } });
  await expect(stranger.connected()).rejects.toThrow();
  stranger.close();
  for (const options of [
    { auth: { apiKey: key } },
    { auth: { token: key } },
    { headers: { authorization: `Bearer ${key}` } },
    { headers: { 'x-api-key': key }, transport: 'websocket' as const },
  ]) {
    const one = at.socket(options);
    await one.connected();
    expect(await one.register('t1')).toMatchObject({ success: true });
    one.close();
  }
});

test('SOCKET_AUTH=optional lets old terminals in, which then get triggers; a wrong key is refused all the same', async () => {
  const at = await start({ auth: 'keys', environment: { SOCKET_AUTH: 'optional' } });
  const old = at.socket();
  await old.register('t1');
  const wrong = at.socket({ auth: { apiKey: 'nobody' } });
  await expect(wrong.connected()).rejects.toThrow();
  wrong.close();
  const key = await at.key('write');
  expect((await at.send('/api/sync/all', all)).status).toBe(401);
  await at.send('/api/sync/all', all, { 'x-api-key': key });
  expect((await old.next()).reason).toBe('API');
});

test('a key that is revoked ends its sockets', async () => {
  const at = await start({ auth: 'keys' });
  const text = await at.key('write');
  const one = at.socket({ auth: { apiKey: text } });
  await one.register('t1');
  const ended = new Promise((resolve) => one.socket.once('disconnect', resolve));
  const [credential] = await at.started.store.read((snapshot) => snapshot.credentials());
  await removeKey(at.identity, { key: credential?.key ?? '', actor: 'test' });
  expect(await ended).toBe('io server disconnect');
});

test('what is no registration is told so, and a large message ends its socket', async () => {
  const at = await start();
  const one = at.socket({ transport: 'websocket' });
  const emit = (message: unknown) =>
    new Promise((resolve) => one.socket.emit('terminal:register', message, resolve));
  for (const message of [null, {}, { terminalId: '' }, { terminalId: 7 }, { terminalId: 'x'.repeat(201) }])
    expect(await emit(message)).toEqual({ success: false, error: expect.stringContaining('terminalId') });
  // Nobody waits for an answer to these.
  for (const event of ['sync:ack', 'nobody', 'terminal:register']) one.socket.emit(event, 1);
  expect(await emit({ terminalId: 't1' })).toMatchObject({ success: true });
  const ended = new Promise((resolve) => one.socket.once('disconnect', resolve));
  one.socket.emit('terminal:register', { terminalId: 't1', more: 'x'.repeat(20_000) });
  await ended;
});

test('pages of other sites get no socket, those of the local network do, and old versions of the protocol are refused', async () => {
  const { url } = await start();
  const ask = (query: string, origin: string) =>
    fetch(`${url}/socket.io/?transport=polling&${query}`, { headers: { origin } });
  expect((await ask('EIO=4', 'https://elsewhere.example')).status).toBe(403);
  const near = await ask('EIO=4', 'http://192.168.1.9');
  expect([near.status, near.headers.get('access-control-allow-origin')]).toEqual([200, 'http://192.168.1.9']);
  expect((await ask('EIO=3', 'http://localhost')).status).toBe(400);
  expect((await fetch(`${url}/socket.io/?EIO=4&transport=smoke`)).status).toBe(400);
  expect((await fetch(`${url}/socket.io/?EIO=4&transport=polling&sid=nobody`)).status).toBe(400);
  const put = await fetch(`${url}/socket.io/?EIO=4&transport=polling`, { method: 'PUT' });
  expect(put.status).toBe(405);
});

test('a socket that floods is closed', async () => {
  const { socket } = await start();
  const flood = socket({ transport: 'websocket' });
  await flood.connected();
  const ended = new Promise((resolve) => flood.socket.once('disconnect', resolve));
  for (let n = 0; n < 2_000; n += 1) flood.socket.emit('sync:ack', { terminalId: 'x' });
  await ended;
});

test('the end of the server ends them all, and they come back', async () => {
  const at = await start();
  const sockets = [at.socket({ transport: 'polling' }), at.socket({ transport: 'websocket' })];
  for (const [n, one] of sockets.entries()) await one.register(`t${n}`);
  const ends = sockets.map((one) => new Promise((resolve) => one.socket.once('disconnect', resolve)));
  const backs = sockets.map((one) => new Promise<void>((resolve) => one.socket.once('connect', resolve)));
  await at.restart();
  await Promise.all([...ends, ...backs]);
  for (const [n, one] of sockets.entries())
    expect(await one.register(`t${n}`)).toMatchObject({ success: true });
});
