// The application without a socket: who is let in, and the one shape of everything that goes wrong.

import { RequestError } from '@holdfast/core';
import { expect, test } from 'vitest';
import { createTestApp, readError } from './app.fixture.ts';

const json = { 'content-type': 'application/json' };

test.each([
  'localhost',
  'localhost:4870',
  'LOCALHOST:4870',
  '127.0.0.1:4870',
  '[::1]:4870',
  '10.1.2.3',
  '192.168.7.1:80',
  '[fe80::1]',
  '[fd00::1]:4870',
  '203.0.113.7',
  'till-server:4870',
  'till-server.local',
  'master-pc',
  'MASTER_PC:5000',
  'pos.lan:8080',
  'server.shop.internal',
  'nas.home.arpa',
  'till.fritz.box',
  'shop.example.com:443',
])('the host %s is this server', async (host) => {
  const { app } = createTestApp({ hosts: ['shop.example.com'] });
  const response = await app.inject({ url: '/healthz', headers: { host } });
  expect(response.statusCode).toBe(200);
});

test.each([
  'evil.example',
  'evil.example:4870',
  'localhost.evil.com',
  'localhost.',
  'master-pc.',
  'lan.evil.com',
  'evil-fritz.box',
  '.lan',
  '0x7f.1',
  '2130706433:80',
  '127.0.0.1.evil.com',
  '8.8.8.8',
  '[2001:4860::8888]',
  '0.0.0.0',
  '127.1',
  '0x7f000001',
  '2130706433',
  'shop.example.com.evil.net',
  'user@localhost',
  'localhost:99999999',
])('the host %j is refused on every route', async (host) => {
  const { app } = createTestApp({ hosts: ['shop.example.com'] });
  for (const url of ['/healthz', '/readyz', '/echo', '/nowhere']) {
    const response = await app.inject({ url, headers: { host } });
    expect(readError(response)).toEqual({ status: 421, code: 'host_unknown', field: 'host' });
  }
});

test('without authentication only near peers are served', async () => {
  const { app } = createTestApp();
  const near = [
    '127.0.0.1',
    '10.0.0.9',
    '172.16.3.4',
    '192.168.1.1',
    '169.254.1.1',
    '::1',
    'fe80::2',
    'fd12::1',
    '::ffff:10.0.0.1',
  ];
  for (const remoteAddress of near)
    expect((await app.inject({ url: '/healthz', remoteAddress })).statusCode, remoteAddress).toBe(200);
  for (const remoteAddress of ['8.8.8.8', '172.32.0.1', '2001:4860::8888', '::ffff:8.8.8.8', '100.64.0.1']) {
    const response = await app.inject({ url: '/healthz', remoteAddress });
    expect(readError(response), remoteAddress).toEqual({
      status: 403,
      code: 'not_private',
      field: 'address',
    });
  }
});

test('a proxy that speaks for a far peer does not make it near', async () => {
  const { app } = createTestApp();
  const from = (value: string) => app.inject({ url: '/healthz', headers: { 'x-forwarded-for': value } });
  expect((await from('192.168.1.2, 10.0.0.1')).statusCode).toBe(200);
  expect(readError(await from('8.8.8.8, 10.0.0.1')).code).toBe('not_private');
});

test('with keys far peers are served', async () => {
  const { app } = createTestApp({ auth: 'keys' });
  expect((await app.inject({ url: '/healthz', remoteAddress: '8.8.8.8' })).statusCode).toBe(200);
});

test.each([
  'https://evil.example',
  'null',
  'http://localhost:81',
  'https://app.example.com.evil.net',
  'HTTPS://APP.EXAMPLE.COM',
])('a page of %s is refused and gets no leave to read', async (origin) => {
  const { app } = createTestApp({ corsOrigins: ['https://app.example.com'] });
  for (const method of ['POST', 'GET', 'OPTIONS'] as const) {
    const response = await app.inject({
      method,
      url: '/healthz',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-private-network': 'true',
      },
    });
    expect(readError(response)).toEqual({ status: 403, code: 'origin_refused', field: 'origin' });
    expect(Object.keys(response.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  }
});

test('a page on the list is answered, preflight first', async () => {
  const origin = 'https://app.example.com';
  const { app } = createTestApp({ corsOrigins: [origin] });
  const preflight = await app.inject({
    method: 'OPTIONS',
    url: '/echo',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-private-network': 'true',
    },
  });
  expect(preflight.statusCode).toBe(204);
  expect(preflight.headers['access-control-allow-origin']).toBe(origin);
  expect(preflight.headers['access-control-allow-credentials']).toBeUndefined();
  expect(preflight.headers['access-control-allow-private-network']).toBeUndefined();
  const answer = await app.inject({
    method: 'POST',
    url: '/echo',
    headers: { origin, ...json },
    payload: '{}',
  });
  expect(answer.statusCode).toBe(200);
  expect(answer.headers['access-control-allow-origin']).toBe(origin);
  expect(answer.headers.vary).toBe('Origin');
});

test('a page of this server itself is answered', async () => {
  const { app } = createTestApp();
  const headers = { host: '127.0.0.1:4870', origin: 'http://127.0.0.1:4870' };
  expect((await app.inject({ url: '/healthz', headers })).statusCode).toBe(200);
});

test('what does not exist is not found, whatever its body', async () => {
  const { app } = createTestApp();
  const asked = [
    { method: 'GET', url: '/nowhere' },
    { method: 'POST', url: '/v1/exchange/', headers: { 'content-type': 'text/plain' }, payload: 'x' },
    { method: 'POST', url: '/ECHO', headers: json, payload: '{' },
    { method: 'GET', url: '/%zz' },
    ...['/metrics', '/debug', '/debug/pprof', '/.git/config', '/.env', '/server-status', '/v0/exchange'].map(
      (url) => ({ method: 'GET' as const, url }),
    ),
    ...[
      '/v1/exchange/..;/admin/keys',
      '/v1/../../etc/passwd',
      '/v1/%00',
      '/\u00e9',
      `/${'a'.repeat(10_000)}`,
    ].map((url) => ({ method: 'GET' as const, url })),
  ] as const;
  for (const request of asked)
    expect(readError(await app.inject(request))).toEqual({ status: 404, code: 'not_found', field: 'path' });
});

test('a path that takes another method says which', async () => {
  const { app } = createTestApp();
  for (const [method, url, allow] of [
    ['GET', '/echo?x', 'POST'],
    ['HEAD', '/echo', 'POST'],
    ['OPTIONS', '/echo', 'POST'],
    ['DELETE', '/healthz', 'GET'],
    ['POST', '/healthz', 'GET'],
  ] as const) {
    const response = await app.inject({ method, url });
    expect([response.statusCode, response.headers.allow], `${method} ${url}`).toEqual([405, allow]);
    if (method !== 'HEAD')
      expect(readError(response)).toEqual({ status: 405, code: 'method_refused', field: 'method' });
  }
});

test('every answer forbids to store it', async () => {
  const { app } = createTestApp();
  for (const url of ['/healthz', '/nowhere', '/%zz'])
    expect((await app.inject({ url })).headers['cache-control']).toBe('no-store');
  expect((await app.inject({ url: '/healthz', headers: { host: 'evil' } })).headers['cache-control']).toBe(
    'no-store',
  );
});

test('a fault that nobody expected is told to the log alone, under the id in the answer', async () => {
  const { app, lines } = createTestApp({
    routes: [
      async (plugin) => {
        plugin.get('/broken', async () => {
          throw new TypeError('the secret of record r1');
        });
      },
    ],
  });
  const response = await app.inject({ url: '/broken' });
  expect(readError(response)).toMatchObject({ status: 500, code: 'internal' });
  expect(response.body).not.toContain('secret');
  const { error } = JSON.parse(response.body) as { error: { request: string } };
  expect(lines.find(({ level }) => level === 'error')).toMatchObject({
    request: error.request,
    error: { name: 'TypeError', message: 'the secret of record r1' },
  });
});

test('what the store refuses is 503 with a time to try again', async () => {
  const { app } = createTestApp({
    ready: async () => {
      throw new Error('disk');
    },
    requestErrorOf: (error) =>
      (error as Error).message === 'disk' ? new RequestError('storage_full') : undefined,
  });
  const response = await app.inject({ url: '/readyz' });
  expect(readError(response)).toMatchObject({ status: 503, code: 'storage_full' });
  expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
});

test('readyz asks the store once a second at most', async () => {
  let asked = 0;
  const { app, clock } = createTestApp({
    ready: async () => {
      asked += 1;
    },
  });
  for (const _ of Array.from({ length: 20 })) await app.inject({ url: '/readyz' });
  expect(asked).toBe(1);
  clock.mono += 1_000;
  await app.inject({ url: '/readyz' });
  expect(asked).toBe(2);
});

test('the log holds no body, no token, no query', async () => {
  const { app, lines } = createTestApp();
  await app.inject({
    method: 'POST',
    url: '/echo?token=canary-1',
    headers: {
      ...json,
      authorization: 'Bearer canary-2',
      'x-api-key': 'canary-3',
      'user-agent': 'canary-4\r\nx',
    },
    payload: '{"name":"canary-5"}',
  });
  await app.inject({ method: 'POST', url: '/echo', headers: json, payload: '{"canary-6":"canary-7' });
  await app.inject({ url: '/canary-8' });
  expect(lines.length).toBeGreaterThanOrEqual(3);
  expect(JSON.stringify(lines)).not.toContain('canary');
});
