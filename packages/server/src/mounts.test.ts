// A server with protocols beside its own: whose rules and whose errors hold where.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, defineSchema } from '@holdfast/core';
import { SignJWT } from 'jose';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { adminInputs } from './admin/admin.ts';
import { systemClock } from './clock.ts';
import { composeServer, type HoldfastServer, type Started } from './compose.ts';
import { type ConfigOptions, defineConfig } from './config.ts';
import { tinyProtocol } from './mounts.fixture.ts';
import type { Protocol } from './protocols/mount.ts';

const fields = z.looseObject({ name: z.string().optional() });
const schema = defineSchema({
  version: 1,
  collections: {
    items: { kind: 'request', fields },
    stock: { kind: 'request', fields: z.object({ left: z.number() }), counters: { left: {} } },
  },
});
const items = { items: {} };

let running: HoldfastServer | undefined;
let folder: string | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

async function serve(
  options: Partial<ConfigOptions>,
  protocol: Partial<Protocol> = {},
  clock: Clock = systemClock,
): Promise<Started> {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-mounts-'));
  const config = defineConfig({ schema, port: 0, data: folder, logLevel: 'silent', ...options });
  const protocols = { tiny: tinyProtocol(protocol), other: tinyProtocol(protocol) };
  running = composeServer(config, { protocols, clock });
  return running.start();
}

const atTiny = { protocols: { tiny: { prefix: '/tiny', collections: items } } };

test('each protocol answers below its prefix, with its place and options', async () => {
  const { url } = await serve({
    protocols: {
      tiny: { prefix: '/tiny', collections: { things: { collection: 'items', id: 'key' } }, scope: 'shop-1' },
      other: { prefix: '', collections: items, options: { greeting: 'hi' } },
    },
  });
  const ask = async (path: string) => (await fetch(`${url}${path}`)).json();
  expect(await ask('/tiny/ping')).toEqual({ greeting: 'hello', port: Number(new URL(url).port) });
  expect(await ask('/ping')).toMatchObject({ greeting: 'hi' });
  expect(await ask('/tiny/place')).toEqual({
    scope: 'shop-1',
    collections: [{ wire: 'things', collection: 'items', id: 'key', time: 'last_modified' }],
    caller: { key: null, device: 'till-1', actor: '' },
  });
  expect(await ask('/place')).toMatchObject({ scope: 'main', collections: [{ wire: 'items' }] });
  expect(await ask('/healthz')).toMatchObject({ ok: true });
  expect(await ask('/readyz')).toMatchObject({ ok: true });
});

test.each([
  [{ items: {} }, 'item_id'],
  [{ items: { id: 'key' } }, 'key'],
  [{ things: 'items' }, 'uuid'],
])('a collection whose id has a name of its own is known by it: %j', async (collections, id) => {
  const fields = { id: 'uuid', ids: { items: 'item_id' }, time: 'at' };
  const { url } = await serve({ protocols: { tiny: { prefix: '', collections } } }, { fields });
  expect(await (await fetch(`${url}/place`)).json()).toMatchObject({ collections: [{ id }] });
});

const json = { 'content-type': 'application/json' };

test.each([
  ['malformed JSON', '/push', { method: 'POST', headers: json, body: '{' }, 400, 'json_syntax'],
  ['a field that is wrong', '/push', { method: 'POST', headers: json, body: '{}' }, 400, 'malformed'],
  ['another media type', '/push', { method: 'POST', body: 'x' }, 415, 'unsupported_media'],
  [
    'too large a body',
    '/push',
    { method: 'POST', headers: json, body: `"${'x'.repeat(2_000_000)}"` },
    413,
    'too_large',
  ],
  ['an unknown path', '/nowhere', {}, 404, 'not_found'],
  ['a wrong method', '/push', {}, 405, 'method_refused'],
  ['a crash', '/crash', {}, 500, 'internal'],
  ['a page of elsewhere', '/ping', { headers: { origin: 'https://evil.example' } }, 403, 'origin_refused'],
  ['no upgrade', '/socket', {}, 426, 'upgrade_needed'],
])('%s is told in the envelope of the protocol', async (_, path, init, status, code) => {
  const { url } = await serve(atTiny);
  const response = await fetch(`${url}/tiny${path}`, init);
  const text = await response.text();
  expect(text).not.toMatch(/secret words|at .*\.ts/);
  expect(JSON.parse(text)).toMatchObject({ success: false, status, code });
  expect(response.status).toBe(status);
  // The server's own paths keep theirs.
  const own = await fetch(`${url}/v1/nowhere`);
  expect(await own.json()).toMatchObject({ error: { code: 'not_found' } });
});

test('a field is named as it stands in the request', async () => {
  const { url } = await serve(atTiny);
  const body = JSON.stringify({ device: 'a', rows: [{ id: 'x' }, { id: 7 }] });
  const response = await fetch(`${url}/tiny/push`, { method: 'POST', headers: json, body });
  expect(await response.json()).toMatchObject({ code: 'malformed', field: 'rows[1].id' });
});

test('answers are compressed for those who accept it', async () => {
  const { url } = await serve(atTiny);
  const encoding = async (accept: string) =>
    (await fetch(`${url}/tiny/long`, { headers: { 'accept-encoding': accept } })).headers.get(
      'content-encoding',
    );
  expect(await encoding('gzip')).toBe('gzip');
  expect(await encoding('identity')).toBeNull();
});

test.each([
  ['near', undefined, 'http://192.168.1.7:3000', 'http://192.168.1.7:3000'],
  ['near', undefined, 'http://localhost:5173', 'http://localhost:5173'],
  ['near', undefined, 'https://evil.example', null],
  ['near', undefined, 'null', null],
  ['any', undefined, 'https://anywhere.example', '*'],
  ['any', ['https://app.example'], 'https://anywhere.example', null],
  ['near', ['https://app.example'], 'https://app.example', 'https://app.example'],
  ['near', ['https://app.example'], 'http://localhost:5173', null],
] as const)('origins %s, list %j: %s', async (origins, corsOrigins, origin, allowed) => {
  const { url } = await serve({ ...atTiny, ...(corsOrigins ? { corsOrigins } : {}) }, { origins });
  const preflight = await fetch(`${url}/tiny/push`, {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'POST' },
  });
  expect(preflight.headers.get('access-control-allow-origin')).toBe(allowed);
  expect(preflight.headers.get('access-control-allow-credentials')).toBeNull();
  expect(preflight.status).toBe(allowed === null ? 403 : 204);
  if (allowed === null) return;
  for (const name of ['authorization', 'device-id', 'content-type', 'x-api-key'])
    expect(preflight.headers.get('access-control-allow-headers')).toContain(name);
  const socket = new WebSocket(`${url.replace('http', 'ws')}/tiny/socket`, { origin });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  socket.terminate();
});

test('a device that asks too often is told when to come again', async () => {
  // No second passes.
  const { url } = await serve(atTiny, {}, { ...systemClock, monoMs: () => 0 });
  const push = (device: string) =>
    fetch(`${url}/tiny/push`, { method: 'POST', headers: json, body: JSON.stringify({ device, rows: [] }) });
  const statuses = new Set<number>();
  for (let turn = 0; turn < 10; turn++)
    for (const { status } of await Promise.all(Array.from({ length: 30 }, () => push('busy'))))
      statuses.add(status);
  expect([...statuses]).toEqual([200]);
  const refused = await push('busy');
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(await refused.json()).toMatchObject({ success: false, code: 'too_many', field: 'device' });
  expect((await push('quiet')).status).toBe(200);
});

test('a message that is too large closes its socket with 1009, and words go out in the envelope', async () => {
  const { url } = await serve(atTiny);
  const socket = new WebSocket(`${url.replace('http', 'ws')}/tiny/socket`);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const heard = (): Promise<string> =>
    new Promise((resolve) => socket.once('message', (data) => resolve(String(data))));
  socket.send('12345');
  expect(await heard()).toBe('5');
  socket.send('');
  expect(JSON.parse(await heard())).toMatchObject({ success: false, code: 'not_found' });
  const code = new Promise((resolve) => socket.once('close', resolve));
  socket.send('x'.repeat(5_000_000));
  expect(await code).toBe(1009);
});

test('with jwt every route but an open one asks for a token, and the token says who acts and what is granted', async () => {
  const secret = 'a secret of more than thirty-two characters';
  const { url } = await serve({ ...atTiny, auth: 'jwt', jwt: { secret } });
  const sign = (claims: Record<string, unknown>) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret));
  const exp = systemClock.wallMs() / 1_000 + 600;
  const token = await sign({ sub: 'ann', exp, holdfast_scopes: ['main:read'] });
  const ask = (path: string, bearer?: string) =>
    fetch(`${url}${path}`, bearer === undefined ? {} : { headers: { authorization: `Bearer ${bearer}` } });

  expect((await ask('/tiny/ping')).status).toBe(200);
  for (const bearer of [undefined, 'x', await sign({ sub: 'ann', exp: exp - 6_000 })]) {
    const refused = await ask('/tiny/place', bearer);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toBe('Bearer');
    expect(await refused.json()).toMatchObject({ success: false, code: 'unauthenticated' });
  }
  expect(await (await ask('/tiny/place', token)).json()).toMatchObject({
    caller: {
      key: null,
      actor: 'ann',
      token: { grants: [{ scope: 'main', right: 'read' }], expiresAt: exp * 1_000 },
    },
  });
  const bound = await sign({ sub: 'ann', exp, holdfast_device: 'till-2' });
  expect((await ask('/tiny/place', bound)).status).toBe(403);

  const socketUrl = `${url.replace('http', 'ws')}/tiny/socket`;
  const opens = (token: string) =>
    new Promise((resolve) => {
      const socket = new WebSocket(`${socketUrl}?token=${token}`);
      socket.once('open', () => resolve(true)).once('error', () => resolve(false));
      socket.once('open', () => socket.terminate());
    });
  expect([await opens(token), await opens('x')]).toEqual([true, false]);
});

test('every route is described at /api-docs, from what judges its requests, for whoever asks', async () => {
  const { url } = await serve({ ...atTiny, auth: 'keys' });
  const page = await fetch(`${url}/api-docs`);
  expect([page.status, page.headers.get('content-type')]).toEqual([
    200,
    expect.stringContaining('text/html'),
  ]);
  const described = (await (await fetch(`${url}/api-docs/json`)).json()) as {
    openapi: string;
    paths: Record<string, Record<string, { tags: string[]; security?: unknown; requestBody?: unknown }>>;
  };
  expect(described.openapi).toBe('3.1.0');
  const { paths } = described;
  const ofTiny = ['crash', 'long', 'ping', 'place', 'push', 'socket'].map((name) => `/tiny/${name}`);
  const own = ['/healthz', '/readyz', '/v1/enrol', '/v1/exchange', '/v1/live', '/v1/admin/prove'];
  const ofAdmin = Object.keys(adminInputs).map((name) => `/v1/admin/${name}`);
  expect(Object.keys(paths).sort()).toEqual([...ofTiny, ...own, ...ofAdmin].sort());
  expect(paths['/tiny/push']?.post).toMatchObject({
    tags: ['tiny'],
    security: [{ credential: [] }],
    requestBody: {
      content: { 'application/json': { schema: { type: 'object', required: ['device', 'rows'] } } },
    },
  });
  expect(paths['/tiny/ping']?.get?.security).toBeUndefined();
  expect(JSON.stringify(paths['/v1/exchange']?.post?.requestBody)).toContain('verdictsSeen');
});

test.each([
  ['an unknown protocol', { nobody: '/x' }, 'protocols.nobody'],
  ['a prefix of the server', { tiny: '/v1' }, 'protocols.tiny.prefix'],
  ['a prefix that is none', { tiny: 'tiny' }, 'protocols.tiny.prefix'],
  ['one prefix twice', { tiny: '/a', other: '/a' }, 'protocols.other'],
  [
    'an unknown collection',
    { tiny: { prefix: '/a', collections: { x: 'x' } } },
    'protocols.tiny.collections.x',
  ],
  ['counters', { tiny: '/a' }, 'protocols.tiny.collections.stock'],
  [
    'one collection twice',
    { tiny: { prefix: '/a', collections: { x: 'items', items: {} } } },
    'protocols.tiny.collections.items',
  ],
  [
    'an option that the protocol refuses',
    { tiny: { prefix: '/a', collections: items, options: { greeting: 7 } } },
    'protocols.tiny.options.greeting',
  ],
])('%s cannot be mounted', (_, protocols, field) => {
  const mount = () =>
    composeServer(defineConfig({ schema, protocols, logLevel: 'silent' }), {
      protocols: { tiny: tinyProtocol(), other: tinyProtocol() },
    });
  expect(mount).toThrow(expect.objectContaining({ name: 'ConfigError', field }));
});
