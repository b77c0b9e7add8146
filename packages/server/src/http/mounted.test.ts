// What holds below the prefix of a protocol, and not beside it.

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { UpgradeRoute } from '../protocols/mount.ts';
import type { SocketRoute } from '../realtime/wire.ts';
import { createTestApp } from './app.fixture.ts';
import { httpBounds } from './http-bounds.ts';
import { type MountedProtocol, mountedAt } from './mounted.ts';
import { createRates } from './rates.ts';

const at = (name: string, prefix: string): MountedProtocol => ({
  name,
  prefix,
  origins: 'near',
  gzip: false,
  mount: {
    routes: async (app) => {
      app.get('/here', async () => ({ name }));
      app.get('/here/:id/of', async () => ({ name }));
      app.post('/here/:id/of', async () => ({ name }));
    },
    errorBody: ({ code }) => ({ failed: code }),
  },
});

test.each([
  ['/a/x', 'a'],
  ['/a', 'a'],
  ['/a?x=/b/', 'a'],
  ['/a/b/x', 'inner'],
  ['/ab', 'root'],
  ['/', 'root'],
  ['/v1x', 'root'],
  [undefined, 'root'],
  ['/v1', undefined],
  ['/v1/exchange', undefined],
  ['/healthz', undefined],
  ['/readyz?x', undefined],
  ['/api-docs/json', undefined],
])('%s belongs to %s', (url, name) => {
  expect(mountedAt([at('root', ''), at('a', '/a'), at('inner', '/a/b')], url)?.name).toBe(name);
});

test.each([
  ['PUT', '/a/here', 405, 'GET'],
  ['DELETE', '/a/here/7/of?x=1', 405, 'GET, POST'],
  ['DELETE', '/a/here/7', 404, undefined],
  ['GET', '/a/here/7/8/of', 404, undefined],
] as const)('%s %s is answered %i', async (method, url, status, allow) => {
  const { app } = createTestApp({ mounted: [at('a', '/a')] });
  const { statusCode, headers, body } = await app.inject({ method, url });
  expect([statusCode, headers.allow]).toEqual([status, allow]);
  expect(JSON.parse(body)).toEqual({ failed: status === 405 ? 'method_refused' : 'not_found' });
});

test('a slash at the end of a path changes nothing', async () => {
  const { app } = createTestApp({ mounted: [at('a', '/a')] });
  const ask = async (method: 'GET' | 'POST' | 'PUT', url: string) => {
    const { statusCode, body } = await app.inject({ method, url });
    return [statusCode, JSON.parse(body)];
  };
  expect(await ask('GET', '/a/here/?x=1')).toEqual([200, { name: 'a' }]);
  expect(await ask('POST', '/a/here/7/of/')).toEqual([200, { name: 'a' }]);
  expect(await ask('PUT', '/a/here/')).toEqual([405, { failed: 'method_refused' }]);
  expect(await ask('GET', '/a/here//')).toEqual([404, { failed: 'not_found' }]);
  expect((await ask('GET', '/healthz/'))[0]).toBe(404);
});

test.each([
  ['http://localhost:3000', true],
  ['https://192.168.1.9', true],
  ['http://[fd00::1]:81', true],
  // Pages of an app that is installed: no site can have such an origin.
  ['capacitor://localhost', true],
  ['ionic://localhost', true],
  ['https://localhost.evil.example', false],
  ['capacitor://evil.example', false],
  ['http://8.8.8.8', false],
  ['file://', false],
  ['null', false],
  ['localhost', false],
])('a page of %s may read a protocol of near pages: %s', async (origin, may) => {
  const { app } = createTestApp({ mounted: [at('a', '/a')], corsOrigins: undefined });
  const { statusCode, headers } = await app.inject({ url: '/a/here', headers: { origin } });
  expect([statusCode, headers['access-control-allow-origin']]).toEqual(
    may ? [200, origin] : [403, undefined],
  );
});

test('an address that asks too often is told when to come again, and is told of its health all the same', async () => {
  const bounds = { ...httpBounds, requestsPerAddressPerSecondMax: 3 };
  const { app, clock } = createTestApp({ bounds, mounted: [at('a', '/a')] });
  const ask = async (url: string, remoteAddress = '10.0.0.1') => {
    const { statusCode, headers, body } = await app.inject({ url, remoteAddress });
    return { status: statusCode, retryAfter: headers['retry-after'], body };
  };
  for (const _ of [1, 2, 3]) expect((await ask('/a/here')).status).toBe(200);
  expect(await ask('/a/here')).toEqual({ status: 429, retryAfter: '1', body: '{"failed":"too_many"}' });
  // What is not there is counted too.
  expect((await ask('/a/nowhere')).status).toBe(429);
  expect((await ask('/a/here', '10.0.0.2')).status).toBe(200);
  expect((await ask('/healthz')).status).toBe(200);
  clock.mono = 1_000;
  expect((await ask('/a/here')).status).toBe(200);
});

test('an address has so many sockets, and gets another when one is closed', async () => {
  const place = at('a', '/a');
  const route: SocketRoute = {
    path: '/socket',
    admit: async () => () => ({
      messageBytesMax: () => 100,
      message: () => {},
      binary: () => {},
      beat: () => {},
      closed: () => {},
    }),
    stop: () => {},
  };
  const { app } = createTestApp({
    bounds: { ...httpBounds, socketsPerAddressMax: 1 },
    mounted: [{ ...place, mount: { ...place.mount, sockets: () => [route] } }],
    sockets: {
      timer: { after: () => ({ cancel: () => {} }) },
      turn: async () => {},
      bounds: { incomingBytesMax: 1_000, outgoingBytesMax: 1_000 },
      routes: () => [],
    },
  });
  const url = (await app.listen({ port: 0, host: '127.0.0.1' })).replace('http', 'ws');
  const closings = new Set<Promise<unknown>>();
  app.server.on('connection', (socket) => closings.add(once(socket, 'close')));
  const first = new WebSocket(`${url}/a/socket/`);
  await once(first, 'open');
  const refusals = once(new WebSocket(`${url}/a/socket`), 'unexpected-response');
  const [, response] = (await refusals) as [unknown, IncomingMessage];
  expect([response.statusCode, response.headers['retry-after']]).toEqual([429, '1']);
  response.resume();
  first.close();
  await Promise.all(closings);
  const next = new WebSocket(`${url}/a/socket`);
  await once(next, 'open');
  next.terminate();
  await app.close();
});

test('a protocol that makes its own sockets gets those who may ask, and answers requests at the same path', async () => {
  const place = at('a', '/a');
  const server = new WebSocketServer({ noServer: true });
  let stopped = false;
  const route: UpgradeRoute = {
    path: '/own/',
    upgrade: (request, socket, head) => server.handleUpgrade(request, socket, head, (ws) => ws.send('hello')),
    stop: () => {
      stopped = true;
      for (const client of server.clients) client.terminate();
    },
  };
  const { app } = createTestApp({
    mounted: [
      {
        ...place,
        mount: {
          ...place.mount,
          routes: async (below) => {
            below.get('/own/', async () => ({ polled: true }));
          },
          sockets: () => [route],
        },
      },
    ],
    sockets: {
      timer: { after: () => ({ cancel: () => {} }) },
      turn: async () => {},
      bounds: { incomingBytesMax: 1_000, outgoingBytesMax: 1_000 },
      routes: () => [],
    },
  });
  const http = await app.listen({ port: 0, host: '127.0.0.1' });
  expect(await (await fetch(`${http}/a/own/?x=1`)).json()).toEqual({ polled: true });
  const url = http.replace('http', 'ws');
  const [message] = await once(new WebSocket(`${url}/a/own/?x=1`), 'message');
  expect(String(message)).toBe('hello');
  const far = new WebSocket(`${url}/a/own/`, { origin: 'https://elsewhere.example' });
  const [, response] = (await once(far, 'unexpected-response')) as [unknown, IncomingMessage];
  expect(response.statusCode).toBe(403);
  response.resume();
  await app.close();
  expect(stopped).toBe(true);
});

test('rates count the second that runs, and forget the one before', () => {
  let mono = 0;
  const rates = createRates({ wallMs: () => 0, monoMs: () => mono }, { perSecondMax: 2, field: 'device' });
  const counts = (peer: string): boolean => {
    try {
      rates.count(peer);
      return true;
    } catch {
      return false;
    }
  };
  expect(['a', 'a', 'b', 'a', 'b', 'b'].map(counts)).toEqual([true, true, true, false, true, false]);
  mono = 999;
  expect(counts('a')).toBe(false);
  mono = 1_000;
  expect(counts('a')).toBe(true);
});
