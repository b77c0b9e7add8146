// The native protocol over live sockets: what a peer is told without asking, and how it is kept within its bounds.

import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { addKey, removeKey, revokeDevice } from '../../identity/keys.ts';
import { createLiveServer, type LiveServer, type Peer, pageOf, settle } from './live.fixture.ts';
import { exchangeOf, idOf, mutationOf } from './native.fixture.ts';

let server: LiveServer;
afterEach(() => server.close());

let numbers = 0;
/** Puts an item over HTTP as another device. */
async function write(id: string, body: object = { name: id }, device = 'writer'): Promise<void> {
  numbers += 1;
  const put = { type: 'put', collection: 'items', id, body };
  const batch = { n: numbers, mutations: [mutationOf(numbers, put)] };
  const { status } = await server.post(
    '/v1/exchange',
    exchangeOf({ device, replica: device, limit: 0, batch }),
  );
  expect(status).toBe(200);
}

/** Pulls all there is over the socket; answers the checkpoint. */
async function pull(peer: Peer, device = 'd1'): Promise<string> {
  const { head, body } = await peer.exchange({ device, replica: device });
  expect(head).toMatchObject({ type: 'answer', status: 200 });
  expect(body.more).toBe(false);
  return body.checkpoint;
}

async function follow(peer: Peer, checkpoint: string | null, scope = 'shop-1'): Promise<void> {
  peer.say({ type: 'subscribe', scope, checkpoint });
  expect(await peer.next()).toEqual({ head: { type: 'subscribed', scope }, body: undefined });
}

test('an exchange over a socket is answered as over HTTP', async () => {
  server = await createLiveServer();
  const peer = await server.greet('d1');
  await write('tea');
  const request = exchangeOf({ device: 'd1', replica: 'd1' });
  peer.say({ type: 'exchange', id: 7 }, request);
  const { head, body } = await peer.next();
  expect(head).toEqual({ type: 'answer', id: 7, status: 200 });
  expect(body).toEqual((await server.post('/v1/exchange', request)).body);
  peer.say({ type: 'exchange', id: 8 }, { ...request, schema: 9 });
  const refused = await peer.next();
  expect(refused).toMatchObject({
    head: { type: 'answer', id: 8, status: 409 },
    body: { protocol: 'holdfast/1', error: { code: 'schema_unknown', field: 'schema' } },
  });
});

test('what comes in a scope is told as a page that continues the checkpoint and names its mutations', async () => {
  server = await createLiveServer();
  await write('tea');
  const peer = await server.greet('d1');
  const checkpoint = await pull(peer);
  await follow(peer, checkpoint);
  await write('coffee');
  const page = pageOf(await peer.next());
  expect(page).toMatchObject({
    protocol: 'holdfast/1',
    from: checkpoint,
    head: 2,
    mutations: [idOf(numbers)],
  });
  expect(page.records).toEqual([{ collection: 'items', id: 'coffee', version: 2, body: { name: 'coffee' } }]);
  await write('milk');
  expect(pageOf(await peer.next())).toMatchObject({ from: page.checkpoint, head: 3 });
  peer.say({ type: 'unsubscribe', scope: 'shop-1' });
  await pull(peer);
  await write('sugar');
  await settle();
  expect(peer.rest()).toEqual([]);
});

test('a subscriber at another checkpoint is poked once, and is in step again when it has pulled', async () => {
  server = await createLiveServer();
  await write('tea');
  const peer = await server.greet('d1');
  await follow(peer, null);
  expect((await peer.next()).head).toEqual({ type: 'poke', scope: 'shop-1' });
  await write('coffee');
  await write('milk');
  await settle();
  expect(peer.rest()).toEqual([]);
  const checkpoint = await pull(peer);
  await write('sugar');
  expect(pageOf(await peer.next()).from).toBe(checkpoint);
});

test('who follows a scope that nobody has written is in step at its beginning', async () => {
  server = await createLiveServer();
  const peer = await server.greet('d1');
  await follow(peer, await pull(peer));
  await write('tea');
  expect(pageOf(await peer.next())).toMatchObject({ head: 1 });
});

test('what is too much for a page is a poke', async () => {
  server = await createLiveServer({ bounds: { page: { recordsMax: 9, charsMax: 100, mutationsMax: 9 } } });
  const peer = await server.greet('d1');
  await follow(peer, await pull(peer));
  await write('long', { name: 'x'.repeat(200) });
  expect((await peer.next()).head).toEqual({ type: 'poke', scope: 'shop-1' });
});

test('the author of a change that it sent over its socket is not told it a second time', async () => {
  server = await createLiveServer();
  const peer = await server.greet('d1');
  await follow(peer, await pull(peer));
  const put = { type: 'put', collection: 'items', id: 'tea', body: { name: 'Tea' } };
  const batch = { n: 1, mutations: [mutationOf(900, put)] };
  const { body } = await peer.exchange({ device: 'd1', replica: 'd1', batch });
  expect(body.records).toHaveLength(1);
  await settle();
  expect(peer.rest()).toEqual([]);
  await write('coffee');
  expect(pageOf(await peer.next()).from).toBe(body.checkpoint);
});

test('every follower of a scope gets the same bytes, those of another scope nothing', async () => {
  server = await createLiveServer();
  const peers = await Promise.all(['d1', 'd2', 'd3'].map((device) => server.greet(device)));
  for (const [place, peer] of peers.entries())
    await follow(peer, await pull(peer, `d${place + 1}`), place < 2 ? 'shop-1' : 'shop-2');
  const [first, second, other] = peers;
  await write('tea');
  expect(pageOf(await first!.next())).toEqual(pageOf(await second!.next()));
  await settle();
  expect(other!.rest()).toEqual([]);
});

test('a key is shown in the hello; without a good one the socket is closed with 4401', async () => {
  server = await createLiveServer({ auth: 'keys' });
  const grants = [{ scope: 'shop-1', right: 'read' as const }];
  const { text } = await addKey(server.identity, { name: 'k', grants, actor: 'op' });
  expect(await server.greet('d1', text)).toBeDefined();
  for (const key of [undefined, 'wrong', `${text.slice(0, -2)}zz`]) {
    const peer = await server.open();
    peer.say({ type: 'hello', protocol: 'holdfast/1', device: 'd2', ...(key === undefined ? {} : { key }) });
    expect(await peer.next()).toMatchObject({
      head: { type: 'error', status: 401 },
      body: { error: { code: 'unauthenticated' } },
    });
    expect(await peer.ended).toEqual({ code: 4401, reason: 'unauthenticated' });
  }
  const headers = { authorization: 'Bearer wrong' };
  await expect(server.open({ headers })).rejects.toMatchObject({
    status: 401,
    body: { protocol: 'holdfast/1', error: { code: 'unauthenticated' } },
  });
  const early = await server.open({ headers: { authorization: `Bearer ${text}` } });
  early.say({ type: 'hello', protocol: 'holdfast/1', device: 'd3' });
  expect((await early.next()).head).toMatchObject({ type: 'welcome', pingMs: 25_000 });
});

test('a scope without a grant is told of by pokes alone, as one that is not there', async () => {
  server = await createLiveServer({ auth: 'keys' });
  const grants = [{ scope: 'shop-2', right: 'read' as const }];
  const { text } = await addKey(server.identity, { name: 'k', grants, actor: 'op' });
  const writer = await addKey(server.identity, { name: 'w', grants: 'all', actor: 'op' });
  const peer = await server.greet('d1', text);
  await follow(peer, null);
  await peer.next();
  const put = { type: 'put', collection: 'items', id: 'secret', body: { name: 'secret' } };
  const batch = { n: 1, mutations: [mutationOf(901, put)] };
  const request = exchangeOf({ device: 'w', replica: 'w', batch });
  expect(
    (await server.post('/v1/exchange', request, { authorization: `Bearer ${writer.text}` })).status,
  ).toBe(200);
  await settle();
  expect(peer.rest()).toEqual([]);
  const { body } = await peer.exchange({ device: 'd1', replica: 'd1' });
  expect(body).toMatchObject({ records: [], head: 0, grants });
});

test.each(['key', 'device'])(
  'a revoked %s closes its sockets at the next look, and nothing more is sent to it',
  async (what) => {
    server = await createLiveServer({ auth: 'keys' });
    const one = await addKey(server.identity, { name: 'k', grants: 'all', actor: 'op' });
    const two = await addKey(server.identity, { name: 'l', grants: 'all', actor: 'op' });
    const peers = [await server.greet('d1', one.text), await server.greet('d2', two.text)];
    const { body } = await peers[0]!.exchange({ device: 'd1', replica: 'd1' });
    for (const peer of peers) await follow(peer, body.checkpoint);
    // Known to the server by a write.
    const put = { type: 'put', collection: 'items', id: 'tea', body: { name: 'Tea' } };
    await peers[0]!.exchange({
      device: 'd1',
      replica: 'd1',
      batch: { n: 1, mutations: [mutationOf(902, put)] },
    });
    expect(pageOf(await peers[1]!.next()).head).toBe(1);
    if (what === 'key') await removeKey(server.identity, { key: one.credential.key, actor: 'op' });
    else await revokeDevice(server.identity, { device: 'd1', actor: 'op' });
    // Before anybody looked: the page itself asks.
    const more = { type: 'put', collection: 'items', id: 'coffee', body: { name: 'Coffee' } };
    await peers[1]!.exchange({
      device: 'd2',
      replica: 'd2',
      batch: { n: 1, mutations: [mutationOf(903, more)] },
    });
    expect((await peers[0]!.next()).head).toMatchObject({ type: 'error' });
    expect(peers[0]!.rest()).toEqual([]);
    expect((await peers[0]!.ended).code).toBe(what === 'key' ? 4401 : 4403);
    expect(peers[1]!.socket.readyState).toBe(1);
  },
);

test('a revoked key closes an idle socket within a second', async () => {
  server = await createLiveServer({ auth: 'keys' });
  const { text, credential } = await addKey(server.identity, { name: 'k', grants: 'all', actor: 'op' });
  const peer = await server.greet('d1', text);
  await server.pass(1_000);
  await removeKey(server.identity, { key: credential.key, actor: 'op' });
  await server.pass(1_000);
  expect((await peer.ended).code).toBe(4401);
});

test('a key that expires closes its sockets', async () => {
  server = await createLiveServer({ auth: 'keys' });
  const expiresAt = server.clock.wall + 10_000;
  const { text } = await addKey(server.identity, { name: 'k', grants: 'all', expiresAt, actor: 'op' });
  const peer = await server.greet('d1', text);
  await server.pass(9_000);
  expect(peer.socket.readyState).toBe(1);
  await server.pass(2_000);
  expect((await peer.ended).code).toBe(4401);
});

test.each([
  ['no JSON', 'hello'],
  ['another type', '{"type":"__proto__"}'],
  ['a frame of the server', '{"type":"page","scope":"shop-1"}'],
  ['a second hello', '{"type":"hello","protocol":"holdfast/1","device":"d1"}'],
  ['an exchange without a number', '{"type":"exchange"}'],
  ['a head without end', `{"type":"subscribe","scope":"${'x'.repeat(3_000)}"}`],
])('garbage closes the socket: %s', async (_, text) => {
  server = await createLiveServer();
  const peer = await server.greet('d1');
  peer.socket.send(text);
  expect((await peer.ended).code).toBe(4400);
});

test('before the hello nothing else is heard, nothing large, and not for long', async () => {
  server = await createLiveServer();
  const early = await server.open();
  early.say({ type: 'subscribe', scope: 'shop-1', checkpoint: null });
  expect((await early.ended).code).toBe(4400);
  const large = await server.open();
  large.socket.send('x'.repeat(500_000));
  expect((await large.ended).code).toBe(1006);
  const late = await server.open();
  await server.pass(6_000);
  expect(await late.ended).toEqual({ code: 4401, reason: 'no hello' });
});

test('what is no text, too large, or too often closes the socket', async () => {
  server = await createLiveServer({ limits: { bodyBytesMax: 300_000, bodyInflatedBytesMax: 300_000 } });
  const binary = await server.greet('d1');
  binary.socket.send(Buffer.from('{"type":"pong"}'));
  expect((await binary.ended).code).toBe(1003);
  const large = await server.greet('d1');
  large.socket.send(`{"type":"exchange","id":1}\n${'x'.repeat(400_000)}`);
  expect([1006, 1009]).toContain((await large.ended).code);
  const often = await server.greet('d1');
  for (let n = 0; n < 1_300; n += 1) often.say({ type: 'pong' });
  expect((await often.ended).code).toBe(4429);
  const pinging = await server.greet('d1');
  for (let n = 0; n < 1_300; n += 1) pinging.socket.ping();
  expect([4429, 1006]).toContain((await pinging.ended).code);
});

test('an exchange of another device than the socket’s is refused', async () => {
  server = await createLiveServer();
  const peer = await server.greet('d1');
  expect(await peer.exchange({ device: 'd2', replica: 'd2' })).toMatchObject({
    head: { status: 403 },
    body: { error: { code: 'forbidden', field: 'device' } },
  });
});

test('a subscription beyond the bound is not answered; the others go on', async () => {
  server = await createLiveServer({ bounds: { subscriptionsMax: 1 } });
  const peer = await server.greet('d1');
  await follow(peer, await pull(peer));
  peer.say({ type: 'subscribe', scope: 'shop-2', checkpoint: null });
  await write('tea');
  expect(pageOf(await peer.next()).head).toBe(1);
  await settle();
  expect(peer.rest()).toEqual([]);
});

test('a ping goes out in time; a peer that is silent is cut', async () => {
  server = await createLiveServer();
  const peer = await server.greet('d1');
  const silent = await server.greet('d2');
  await server.pass(26_000);
  expect((await peer.next()).head).toEqual({ type: 'ping' });
  peer.say({ type: 'pong' });
  await settle();
  await server.pass(30_000);
  expect((await silent.ended).code).toBe(1006);
  expect(peer.socket.readyState).toBe(1);
});

test('sockets are bounded for one device; the others go on', async () => {
  server = await createLiveServer({ bounds: { socketsPerDeviceMax: 2 } });
  const [first] = [await server.greet('d1'), await server.greet('d1')];
  const third = await server.open();
  third.say({ type: 'hello', protocol: 'holdfast/1', device: 'd1' });
  expect(await third.next()).toMatchObject({
    head: { type: 'error', status: 429, retryAfter: 60 },
    body: { error: { code: 'too_many' } },
  });
  expect(await third.ended).toEqual({ code: 4429, reason: 'retry-after=60' });
  await server.greet('d2');
  first!.socket.close();
  await first!.ended;
  await settle();
  await server.greet('d1');
});

test('a storm of connections is let in at a bounded rate, and who is refused is told when to come back', async () => {
  server = await createLiveServer({ bounds: { admittedAtOnce: 20, admittedPerSecond: 10 } });
  const outcomes = await Promise.allSettled(Array.from({ length: 60 }, () => server.open()));
  const refused = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
  expect(refused).toHaveLength(40);
  expect(refused[0]).toMatchObject({
    status: 503,
    body: { protocol: 'holdfast/1', error: { code: 'overloaded' } },
  });
  const seconds = refused.map(({ headers }) => Number(headers['retry-after']));
  // Spread over the seconds that it takes to let them all in.
  expect(new Set(seconds)).toEqual(new Set([1, 2, 3, 4]));
  server.clock.mono += 1_000;
  const later = await Promise.allSettled(Array.from({ length: 20 }, () => server.open()));
  expect(later.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
});

test.each([
  ['another site', 'https://evil.example', 403],
  ['no site', 'null', 403],
  ['a site that begins like a good one', 'https://good.example.evil.com', 403],
  ['a good site', 'https://good.example', 101],
])('a page of %s', async (_, origin, status) => {
  server = await createLiveServer({ corsOrigins: ['https://good.example'] });
  const opening = server.open({ origin });
  if (status === 101) expect((await opening).socket.readyState).toBe(1);
  else await expect(opening).rejects.toMatchObject({ status, body: { error: { code: 'origin_refused' } } });
});

const upgrade = 'connection: upgrade\r\nupgrade: websocket\r\n';
const key = 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
test.each([
  [
    'no key',
    `GET /v1/live HTTP/1.1\r\nHost: localhost\r\n${upgrade}sec-websocket-version: 13\r\n`,
    400,
    'malformed',
  ],
  [
    'another version',
    `GET /v1/live HTTP/1.1\r\nHost: localhost\r\n${upgrade}${key}sec-websocket-version: 99\r\n`,
    400,
    'malformed',
  ],
  [
    'another method',
    `POST /v1/live HTTP/1.1\r\nHost: localhost\r\n${upgrade}${key}sec-websocket-version: 13\r\n`,
    400,
    'malformed',
  ],
  [
    'another path',
    `GET /v1/dead HTTP/1.1\r\nHost: localhost\r\n${upgrade}${key}sec-websocket-version: 13\r\n`,
    404,
    'not_found',
  ],
  [
    'another host',
    `GET /v1/live HTTP/1.1\r\nHost: evil.example\r\n${upgrade}${key}sec-websocket-version: 13\r\n`,
    421,
    'host_unknown',
  ],
  [
    'no socket at all',
    'GET /v1/live HTTP/1.1\r\nHost: localhost\r\nconnection: upgrade, close\r\nupgrade: h2c\r\n',
    426,
    'upgrade_needed',
  ],
])('an upgrade with %s is refused in the common shape', async (_, head, status, code) => {
  server = await createLiveServer();
  const text = await raw(Number(new URL(server.url).port), `${head}\r\n`);
  expect(text.slice(0, 12)).toBe(`HTTP/1.1 ${status}`);
  expect(JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1))).toMatchObject({
    protocol: 'holdfast/1',
    error: { code },
  });
});

test('a request that asks for no socket is told that this is a place for sockets', async () => {
  server = await createLiveServer();
  const url = server.url.replace('ws:', 'http:');
  const get = await fetch(url);
  expect(get.status).toBe(426);
  expect(get.headers.get('upgrade')).toBe('websocket');
  expect(get.headers.get('connection')).toBe('upgrade, close');
  expect(await get.json()).toMatchObject({ protocol: 'holdfast/1', error: { code: 'upgrade_needed' } });
  const post = await fetch(url, { method: 'POST', body: '{}' });
  expect(post.status).toBe(405);
  expect(post.headers.get('allow')).toBe('GET');
});

/** Everything that the server says until it closes the connection. */
function raw(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(text));
  });
}

test('the end tells every socket to come back, and takes no more', async () => {
  server = await createLiveServer();
  const peers = await Promise.all(['d1', 'd2'].map((device) => server.greet(device)));
  const closing = server.app.close();
  for (const peer of peers) expect(await peer.ended).toEqual({ code: 1012, reason: 'retry-after=2' });
  await closing;
  await expect(server.open()).rejects.toThrow();
});
