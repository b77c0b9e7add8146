// The replica as an application on Node opens it: a file, an address, nothing else.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeServer } from '../fake-server.fixture.ts';
import { settle, shopSchema } from '../replica.fixture.ts';
import { openReplica } from './open.ts';

let folder: string;
let http: Server;
let url: string;
let server: FakeServer;
let keys: (string | undefined)[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-open-'));
  server = new FakeServer(shopSchema);
  keys = [];
  http = createServer((request, response) => {
    // A server that takes no sockets.
    if (request.method !== 'POST') {
      response.writeHead(404).end();
      return;
    }
    keys.push(request.headers.authorization);
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', async () => {
      const { status, headers, body } = await server.handler(Buffer.concat(parts).toString(), {});
      response.writeHead(status, headers).end(body);
    });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
});

afterEach(async () => {
  http.closeAllConnections();
  await new Promise((resolve) => http.close(resolve));
  rmSync(folder, { recursive: true });
});

test('a file, an address, a key: written here, read there, and still here after a restart', async () => {
  const path = join(folder, 'till.sqlite');
  const till = await openReplica({ schema: shopSchema, path, url, key: 'secret', device: 'till-1' });
  const id = await till.id();
  const soap = await till.scope('shop-1').items.put({ name: 'Soap', quantity: 40 });
  expect(await till.sync()).toMatchObject({
    ok: true,
    scopes: { 'shop-1': { pushed: 1, verdicts: { applied: 1 } } },
  });
  await till.scope('shop-1').items.add(soap.id, { quantity: -1 });
  await till.close();
  expect(keys).toEqual(['Bearer secret']);

  const again = await openReplica({ schema: shopSchema, path, url, key: () => 'newer', device: 'till-1' });
  expect(await again.id()).toBe(id);
  expect(await again.scope('shop-1').items.get(soap.id)).toEqual({ id: soap.id, name: 'Soap', quantity: 39 });
  expect(await again.sync()).toMatchObject({ ok: true });
  await again.close();
  expect(keys.at(-1)).toBe('Bearer newer');

  const other = await openReplica({ schema: shopSchema, memory: true, url, device: 'till-2' });
  expect(await other.scope('shop-1').sync()).toMatchObject({ ok: true, pulled: 1 });
  expect(await other.scope('shop-1').items.where({ where: { name: 'Soap' } })).toEqual([
    { id: soap.id, name: 'Soap', quantity: 39 },
  ]);
  await other.close();
});

test('without an address it works alone', async () => {
  const replica = await openReplica({ schema: shopSchema, memory: true, device: 'alone' });
  await replica.scope('s').items.put({ id: 'a', name: 'a' });
  expect(await replica.sync()).toMatchObject({ ok: false });
  expect((await replica.status()).pending).toBe(1);
  await replica.close();
});

test('a server that is away is a result, not an error', async () => {
  const replica = await openReplica({
    schema: shopSchema,
    memory: true,
    url: 'http://127.0.0.1:1',
    device: 'd',
  });
  expect(await replica.scope('s').sync()).toMatchObject({ ok: false, reason: { code: 'unreachable' } });
  expect((await replica.scope('s').status()).state).toBe('offline');
  await replica.close();
});

test('by itself: a write is sent without being asked for', async () => {
  const replica = await openReplica({
    schema: shopSchema,
    memory: true,
    url,
    device: 'd',
    automatic: { everyMs: 60_000 },
  });
  await replica.scope('shop-1').items.put({ id: 'a', name: 'a' });
  for (let turn = 0; turn < 100 && !server.body('items', 'a'); turn += 1) await settle();
  expect(server.body('items', 'a')).toEqual({ name: 'a' });
  await replica.close();
});

test('a file that cannot be opened says so, and an address that is none leaves no file open', async () => {
  await expect(
    openReplica({ schema: shopSchema, path: join(folder, 'no', 'such', 'folder.sqlite'), device: 'd' }),
  ).rejects.toMatchObject({ name: 'StorageError' });
  const path = join(folder, 'a.sqlite');
  await expect(openReplica({ schema: shopSchema, path, url: 'nonsense', device: 'd' })).rejects.toThrow(
    TypeError,
  );
  const replica = await openReplica({ schema: shopSchema, path, device: 'd' });
  await replica.close();
});

test('without a device’s id, one is made once and kept in the file', async () => {
  const path = join(folder, 'till.sqlite');
  const till = await openReplica({ schema: shopSchema, path });
  const { device } = await till.status();
  await till.close();
  const again = await openReplica({ schema: shopSchema, path, url });
  expect((await again.status()).device).toBe(device);
  await again.scope('shop-1').sync();
  expect(server.requests[0]?.device).toBe(device);
  await again.close();
  const named = await openReplica({ schema: shopSchema, path, device: 'till-1' });
  expect((await named.status()).device).toBe('till-1');
  await named.close();
});
