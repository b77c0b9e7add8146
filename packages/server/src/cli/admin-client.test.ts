// The client of the operator's routes on a real socket: it asks for a proof on every connection, and makes a new one when the last ended.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Admin } from '../admin/admin.ts';
import { adminRoutes } from '../http/admin-routes.ts';
import { createTestApp, type TestApp } from '../http/app.fixture.ts';
import { createAdminClient, NoAnswerError } from './admin-client.ts';

const token = 'a'.repeat(43);
const admin = new Proxy({} as Admin, { get: (_, operation) => async () => ({ done: operation }) });

let served: TestApp;
let url: string;
beforeEach(async () => {
  served = createTestApp({
    routes: [adminRoutes({ admin, token, clock: { wallMs: () => 0, monoMs: () => 0 } })],
  });
  await served.app.listen({ port: 0, host: '127.0.0.1' });
  url = `http://127.0.0.1:${(served.app.server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  served.app.server.closeAllConnections();
  await served.app.close();
});

const routesSeen = () => served.lines.map(({ route }) => route);

test('one proof serves a connection; a connection that ended is followed by another, and another proof', async () => {
  const client = createAdminClient({ url, token, probeMsMax: 5_000 });
  try {
    expect(await client.admin.keys({})).toEqual({ done: 'keys' });
    await client.admin.devices({});
    const sockets = once(served.app.server, 'connection');
    served.app.server.closeAllConnections();
    // The client learns of it with its next turn, or by a request that fails.
    let answer: unknown;
    while (!answer)
      answer = await client.admin.keys({}).catch((error: unknown) => {
        if (!(error instanceof NoAnswerError)) throw error;
      });
    expect(answer).toEqual({ done: 'keys' });
    await sockets;
    const [prove, keys, devices] = ['prove', 'keys', 'devices'].map((name) => `/v1/admin/${name}`);
    expect(routesSeen()).toEqual([prove, keys, devices, prove, keys]);
  } finally {
    client.close();
  }
});

test('another token is not known here, and not shown', async () => {
  const client = createAdminClient({ url, token: 'b'.repeat(43), probeMsMax: 5_000 });
  await expect(client.admin.keys({})).rejects.toThrow(NoAnswerError);
  expect(routesSeen()).toEqual(['/v1/admin/prove']);
  client.close();
});
