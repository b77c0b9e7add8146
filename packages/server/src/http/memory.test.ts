// What peers can make the server hold: bodies that come, answers that nobody reads, sockets. Over real sockets.

import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { createTestApp, readError, type TestApp } from './app.fixture.ts';
import { type HttpBounds, httpBounds } from './http-bounds.ts';

// The machine may be busy.
const patient = { timeout: 30_000 };
vi.setConfig({ testTimeout: 60_000 });

let served: TestApp | undefined;
let port: number;
const open: Socket[] = [];

afterEach(async () => {
  for (const socket of open.splice(0)) socket.destroy();
  served?.app.server.closeAllConnections();
  await served?.app.close();
});

/** Handlers wait until the test lets them go. */
let waiting: (() => void)[] = [];

async function listen(bounds: Partial<HttpBounds>): Promise<string> {
  waiting = [];
  served = createTestApp({
    limits: { recordCharsMax: 1_000, bodyBytesMax: 100_000, bodyInflatedBytesMax: 100_000 },
    bounds: { ...httpBounds, ...bounds },
    routes: [
      async (plugin) => {
        plugin.post('/slow', async () => {
          await new Promise<void>((resolve) => waiting.push(resolve));
          return {};
        });
        plugin.get('/large', async () => ({ text: 'x'.repeat(30_000_000) }));
      },
    ],
  });
  await served.app.listen({ port: 0, host: '127.0.0.1' });
  ({ port } = served.app.server.address() as AddressInfo);
  return `http://127.0.0.1:${port}`;
}

async function begin(from = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  socket.on('error', () => {});
  open.push(socket);
  await once(socket, 'connect');
  return socket;
}

function ended(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

const health = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nconnection: close\r\n\r\n';

/** What comes until the server closes the socket; empty when it closes at once. */
async function ask(text: string, from?: string): Promise<string> {
  const socket = await begin(from);
  let answer = '';
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString();
  });
  socket.write(text);
  await ended(socket);
  return answer;
}

test('a peer that goes away while its request is worked on leaves nothing of its body behind', async () => {
  const url = await listen({ bodiesBytesMax: 150_000 });
  const body = JSON.stringify({ a: 'x'.repeat(90_000) });
  const headers = { 'content-type': 'application/json' };
  for (let n = 0; n < 5; n++) {
    const socket = await begin();
    const gone = new Promise<void>((resolve) =>
      served?.app.server.once('request', (_request, response) => response.once('close', () => resolve())),
    );
    socket.write(
      `POST /slow HTTP/1.1\r\nHost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await expect.poll(() => waiting.length, patient).toBe(1);
    socket.destroy();
    await gone;
    waiting.pop()?.();
    const next = await fetch(`${url}/echo`, { method: 'POST', headers, body });
    expect(next.status).toBe(200);
    await next.text();
  }
});

test('answers that nobody reads are bounded together; small ones still go out, and large ones again when there is room', async () => {
  const url = await listen({ answersBytesMax: 45_000_000 });
  const lazy = await begin();
  // Larger than what systems hold for a peer.
  lazy.write('GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(lazy, 'readable');
  const answer = await fetch(`${url}/large`);
  expect(readError({ statusCode: answer.status, body: (await answer.text()).slice(0, 1_000) })).toMatchObject(
    {
      status: 503,
      code: 'overloaded',
    },
  );
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  lazy.destroy();
  const status = async () => {
    const again = await fetch(`${url}/large`);
    await again.text();
    return again.status;
  };
  await expect.poll(status, patient).toBe(200);
});

test.each([
  ['an unknown path', 'POST /nowhere HTTP/1.1\r\nHost: localhost'],
  ['another host', 'POST /echo HTTP/1.1\r\nHost: evil.example'],
  ['a method without a body', 'GET /healthz HTTP/1.1\r\nHost: localhost'],
  ['another media type', 'POST /echo HTTP/1.1\r\nHost: localhost\r\ncontent-type: text/plain'],
])('a body without end is cut off also when nobody wants it: %s', async (_, head) => {
  await listen({});
  for (const kind of ['content-length: 2000000000', 'transfer-encoding: chunked']) {
    const socket = await begin();
    const closed = ended(socket);
    let sent = 0;
    const chunk = Buffer.from(`10000\r\n${'x'.repeat(65_536)}\r\n`);
    socket.write(`${head}\r\n${kind}\r\n\r\n`);
    const more = (): void => {
      sent += chunk.length;
      if (socket.writable) socket.write(chunk, () => setImmediate(more));
    };
    more();
    await closed;
    expect(sent).toBeLessThan(50_000_000);
  }
});

test('a body that nobody wanted is read to its end when it is small: the connection goes on', async () => {
  await listen({});
  const body = 'x'.repeat(50_000);
  const answers = await ask(
    `POST /nowhere HTTP/1.1\r\nHost: localhost\r\ncontent-length: ${body.length}\r\n\r\n${body}${health}`,
  );
  expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 404', 'HTTP/1.1 200']);
});

test('a flood of idle sockets from one address takes its share and no more; others are served', async () => {
  await listen({ connectionsPerAddressMax: 50, connectionsMax: 80 });
  const server = served?.app.server;
  const count = () => new Promise<number>((resolve) => server?.getConnections((_, open_) => resolve(open_)));
  const flood = await Promise.all(Array.from({ length: 300 }, () => begin()));
  const closed = () => flood.filter((socket) => socket.closed || socket.readableEnded || socket.destroyed);
  for (const socket of flood) socket.resume();
  await expect.poll(() => closed().length, patient).toBe(250);
  expect(await count()).toBe(50);
  expect(await ask(health, '127.0.0.2')).toContain('200 OK');
  const second = await Promise.all(Array.from({ length: 60 }, () => begin('127.0.0.2')));
  for (const socket of second) socket.resume();
  await expect
    .poll(() => second.filter((socket) => socket.destroyed || socket.readableEnded).length, patient)
    .toBe(30);
  expect(await count()).toBe(80);
});

test('a socket on which nothing moves is closed', async () => {
  await listen({ silentMsMax: 100, keepAliveMsMax: 100 });
  const silent = await begin();
  const used = await begin();
  used.resume();
  used.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  silent.resume();
  await Promise.all([ended(silent), ended(used)]);
});
