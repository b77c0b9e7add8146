// The application on a real socket: what is no proper HTTP, how it stops, how many it lets in.

import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestApp, readError, type TestApp } from './app.fixture.ts';
import { httpBounds } from './http-bounds.ts';

let served: TestApp;
let port: number;
let ran: number;
let hold: { begun: Promise<void>; began: () => void; held: Promise<void>; letGo: () => void };

beforeEach(async () => {
  hold = createHold();
  ran = 0;
  served = createTestApp({
    limits: { bodyBytesMax: 262_144, bodyInflatedBytesMax: 524_288 },
    routes: [
      async (plugin) => {
        plugin.get('/count', async () => {
          ran += 1;
          return {};
        });
        plugin.get('/slow', async () => {
          hold.began();
          await hold.held;
          return { done: true };
        });
      },
    ],
  });
  port = await listen(served.app);
});

afterEach(async () => {
  hold.letGo();
  served.app.server.closeAllConnections();
  await served.app.close();
});

async function listen(app: FastifyInstance): Promise<number> {
  await app.listen({ port: 0, host: '127.0.0.1' });
  return (app.server.address() as AddressInfo).port;
}

function createHold(): typeof hold {
  let began = (): void => {};
  let letGo = (): void => {};
  const begun = new Promise<void>((resolve) => {
    began = resolve;
  });
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  return { begun, began, held, letGo };
}

/** Everything that the server says until it closes the socket. */
async function answerTo(...parts: readonly (string | Buffer)[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  for (const part of parts) socket.write(part);
  return readAll(socket);
}

async function readAll(socket: Socket): Promise<string> {
  let text = '';
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  await new Promise((resolve) => socket.once('close', resolve));
  return text;
}

function errorOf(answer: string): ReturnType<typeof readError> {
  const statusCode = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
  return readError({ statusCode, body: answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1) });
}

const post = 'POST /echo HTTP/1.1\r\nHost: localhost\r\ncontent-type: application/json\r\n';

test.each([
  ['no HTTP', 'hello\r\n\r\n', 400, 'malformed'],
  ['two lengths', `${post}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`, 400, 'malformed'],
  [
    'length and chunks',
    `${post}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
    'malformed',
  ],
  ['an unknown transfer encoding', `${post}transfer-encoding: xchunked\r\n\r\n{}`, 400, 'malformed'],
  [
    'a control character in a header',
    'GET /healthz HTTP/1.1\r\nHost: localhost\r\nx: a\x00b\r\n\r\n',
    400,
    'malformed',
  ],
  ['a bare line feed', 'GET /healthz HTTP/1.1\nHost: localhost\n\n', 400, 'malformed'],
  ['a folded header', 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nx: a\r\n b\r\n\r\n', 400, 'malformed'],
  ['no host', 'GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n', 421, 'host_unknown'],
  [
    'an expectation that nobody meets',
    `${post}expect: a-miracle\r\ncontent-length: 2\r\n\r\n{}`,
    417,
    'expectation_refused',
  ],
  [
    'no media type',
    'POST /echo HTTP/1.1\r\nHost: localhost\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}',
    415,
    'unsupported_media',
  ],
  [
    'another method',
    'TRACE /echo HTTP/1.1\r\nHost: localhost\r\nconnection: close\r\n\r\n',
    405,
    'method_refused',
  ],
  [
    'a socket of another kind',
    'GET /v1/live HTTP/1.1\r\nHost: localhost\r\nconnection: upgrade, close\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-extensions: constructor\r\n\r\n',
    404,
    'not_found',
  ],
  [
    'a question to all paths',
    'OPTIONS * HTTP/1.1\r\nHost: localhost\r\nconnection: close\r\n\r\n',
    404,
    'not_found',
  ],

  [
    'headers without end',
    `GET /healthz HTTP/1.1\r\nHost: localhost\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`,
    431,
    'headers_too_large',
  ],
  [
    'headers without number',
    `GET /healthz HTTP/1.1\r\nHost: localhost\r\n${'x: a\r\n'.repeat(4_000)}\r\n`,
    431,
    'headers_too_large',
  ],
  [
    'a path without end',
    `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    431,
    'headers_too_large',
  ],
])('%s is refused in the common shape, and the server lives', async (_, text, status, code) => {
  const answer = await answerTo(text);
  expect(errorOf(answer)).toMatchObject({ status, code });
  expect(answer.toLowerCase()).toContain('cache-control: no-store');
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
});

test('a request names one host', async () => {
  const twice = await answerTo(
    'GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nconnection: close\r\n\r\n',
  );
  expect(errorOf(twice)).toMatchObject({ status: 421, code: 'host_unknown' });
  const none = await answerTo('GET /healthz HTTP/1.0\r\n\r\n');
  expect(errorOf(none)).toMatchObject({ status: 421, code: 'host_unknown' });
});

test('a body beyond the bound is answered 413, also to a peer that sends on', async () => {
  const url = `http://127.0.0.1:${port}/echo`;
  const headers = { 'content-type': 'application/json' };
  const body = `{"a":"${'x'.repeat(400_000)}"}`;
  const whole = await fetch(url, { method: 'POST', headers, body });
  expect(readError({ statusCode: whole.status, body: await whole.text() })).toEqual({
    status: 413,
    code: 'too_large',
    field: 'body',
  });
});

test('a peer that never stops sending is cut off', async () => {
  const chunk = Buffer.from(`10000\r\n${'x'.repeat(65_536)}\r\n`);
  const endless = connect(port, '127.0.0.1');
  const answer = readAll(endless);
  endless.write(`${post}transfer-encoding: chunked\r\n\r\n`);
  let sent = 0;
  const more = (): void => {
    sent += chunk.length;
    if (endless.writable) endless.write(chunk, () => setImmediate(more));
  };
  more();
  // Whether a peer that only writes still hears the answer is for its system to say.
  expect(['', '413']).toContain((await answer).slice(9, 12));
  expect(sent).toBeLessThan(50_000_000);
  expect(served.lines.filter(({ route }) => route === '/echo')).toMatchObject([{ status: 413 }]);
});

test('a small body that inflates beyond the bound is answered 413', async () => {
  const bomb = gzipSync(Buffer.alloc(50_000_000, ' '));
  expect(bomb.length).toBeLessThan(262_144);
  const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
  const answer = await fetch(`http://127.0.0.1:${port}/echo`, { method: 'POST', headers, body: bomb });
  expect(readError({ statusCode: answer.status, body: await answer.text() })).toEqual({
    status: 413,
    code: 'too_large',
    field: 'body',
  });
});

test('a body that ends early never reaches a route', async () => {
  const socket = connect(port, '127.0.0.1');
  socket.write(`${post}content-length: 100\r\n\r\n{"a":1`);
  await once(socket, 'connect');
  const closed = once(served.app.server, 'connection').catch(() => undefined);
  socket.destroy();
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  await closed;
  expect(served.lines.filter(({ route, status }) => route === '/echo' && status === 200)).toEqual([]);
});

test('the end answers what is in flight, takes nothing more, and closes every socket', async () => {
  const idle = connect(port, '127.0.0.1');
  const idleClosed = readAll(idle);
  const slow = connect(port, '127.0.0.1');
  const slowAnswer = readAll(slow);
  slow.write('GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await hold.begun;
  const closing = served.app.close();
  expect(await idleClosed).toBe('');
  const refused = new Promise<void>((resolve) => served.app.server.once('request', () => resolve()));
  slow.write('GET /count HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await refused;
  hold.letGo();
  const answer = await slowAnswer;
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  expect(answer.toLowerCase()).toContain('connection: close');
  await closing;
  // Its answer could not be sent any more, so its work must not be done.
  expect(ran).toBe(0);
});

test('a peer that is slow with its headers or its body is cut off; others are served', async () => {
  const { app } = createTestApp({
    bounds: { ...httpBounds, headersMsMax: 200, requestMsMax: 400, checkEveryMs: 50 },
  });
  port = await listen(app);
  try {
    const slowHeaders = answerTo('GET /healthz HTTP/1.1\r\nHost: loc');
    const slowBody = answerTo(`${post}content-length: 10\r\n\r\n{`);
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    for (const answer of await Promise.all([slowHeaders, slowBody]))
      expect(errorOf(answer)).toMatchObject({ status: 408, code: 'request_late' });
  } finally {
    app.server.closeAllConnections();
    await app.close();
  }
});

test('one address cannot take all sockets', async () => {
  const { app } = createTestApp({ bounds: { ...httpBounds, connectionsPerAddressMax: 3 } });
  port = await listen(app);
  try {
    const sockets = await Promise.all(
      Array.from({ length: 3 }, async () => {
        const socket = connect(port, '127.0.0.1');
        await once(socket, 'connect');
        return socket;
      }),
    );
    expect(await answerTo('GET /healthz HTTP/1.1\r\nHost: localhost\r\nconnection: close\r\n\r\n')).toBe('');
    sockets[0]?.destroy();
    // The server notices the end of a socket a moment after its peer.
    for (let answer = ''; answer === ''; )
      answer = await answerTo('GET /healthz HTTP/1.1\r\nHost: localhost\r\nconnection: close\r\n\r\n');
    for (const socket of sockets) socket.destroy();
  } finally {
    app.server.closeAllConnections();
    await app.close();
  }
});
