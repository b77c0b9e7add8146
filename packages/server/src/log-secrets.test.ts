// Nothing of what peers and the operator say to the whole server stands in its log, at its most talkative: no record, no key, no
// code, no token, no name, no text that could forge a line.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createAdminClient } from './cli/admin-client.ts';
import { systemClock } from './clock.ts';
import { composeServer, type HoldfastServer } from './compose.ts';
import { defineConfig } from './config.ts';
import { readAdminToken } from './data-folder.ts';
import { createLog } from './log.ts';
import { exchangeOf, mutationOf, schema } from './protocols/native/native.fixture.ts';

let data: string;
let server: HoldfastServer;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'holdfast-log-'));
});
afterEach(async () => {
  await server.stop();
  await rm(data, { recursive: true, force: true });
});

test('an hour of everything, read for canaries', async () => {
  const lines: string[] = [];
  const log = createLog({ level: 'trace', clock: systemClock, write: (line) => lines.push(line) });
  const config = defineConfig({ schema, port: 0, data, auth: 'keys', logLevel: 'trace' });
  server = composeServer(config, { log });
  const { url } = await server.start();
  const token = (await readAdminToken(data)) ?? '';
  const client = createAdminClient({ url, token, probeMsMax: 5_000 });
  const secrets = [token];
  const { text: key } = await client.admin.addKey({ name: 'canary-key-name', grants: 'all' });
  const { code } = await client.admin.enrol({ name: 'canary-device-name', grants: 'all' });
  secrets.push(key, key.slice(-43), code);
  const put = {
    type: 'put',
    collection: 'items',
    id: 'canary-record',
    body: { name: 'canary-body\r\n\u001b[2J' },
  };
  const refused = { ...put, body: { name: 7, canary: 'canary-refused' } };
  const send = (path: string, body: string, headers: Record<string, string> = {}) =>
    fetch(`${url}${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${key}`,
        'user-agent': 'canary-agent',
        ...headers,
      },
      body,
    }).then((response) => response.text());
  const canary = { device: 'canary-device', replica: 'canary-replica', scope: 'canary-scope' };
  const batch = { n: 1, mutations: [mutationOf(1, put), mutationOf(2, refused)] };
  await send('/v1/exchange', JSON.stringify(exchangeOf({ ...canary, batch })));
  await send('/v1/exchange', JSON.stringify(exchangeOf({ ...canary, checkpoint: 'canary-checkpoint' })));
  await send('/v1/exchange?token=canary-query', '{"canary-broken":"canary');
  await send('/v1/exchange', '{}', { authorization: 'Bearer canary-wrong-key' });
  await send('/v1/exchange', '{}', { host: 'canary-host' });
  await send('/v1/exchange', '{}', { origin: 'http://canary-origin' });
  await send(
    '/v1/enrol',
    JSON.stringify({ protocol: 'holdfast/1', code, device: 'canary-till', name: 'canary-till-name' }),
  );
  await send(
    '/v1/enrol',
    JSON.stringify({ protocol: 'holdfast/1', code: 'canary-code', device: 'd', name: 'n' }),
  );
  await send('/canary-path', 'canary-text');
  await client.admin
    .backup({ file: join(data, 'canary-folder-that-is-not-there', 'x') })
    .catch(() => undefined);
  await new Promise<void>((resolve) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () =>
      socket.end('canary no http\r\n\r\n'),
    );
    socket.resume();
    socket.once('close', () => resolve());
  });
  client.close();
  await server.stop();
  expect(lines.length).toBeGreaterThan(10);
  for (const line of lines) {
    expect(() => JSON.parse(line)).not.toThrow();
    expect(line.trimEnd()).not.toMatch(/\p{Cc}/u);
    for (const secret of secrets) expect(line).not.toContain(secret);
    // The operator's own path may stand there.
    expect(line.replaceAll('canary-folder', '')).not.toContain('canary');
  }
  // Nor do keys and codes stand in the database.
  const stored = await readFile(join(data, 'holdfast.db'), 'latin1');
  for (const secret of [key.slice(-43), code, code.replace('-', '')]) expect(stored).not.toContain(secret);
});
