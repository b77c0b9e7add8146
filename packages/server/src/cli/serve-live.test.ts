// The real server and real replicas over real sockets: what one writes the other shows, without anybody asking for it.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Replica } from '@holdfast/client';
import { openReplica } from '@holdfast/client/node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { schema } from './crash.fixture.config.ts';
import { type ServerProcess, startServer } from './server-process.fixture.ts';

const config = fileURLToPath(new URL('./crash.fixture.config.ts', import.meta.url));
const patient = { timeout: 15_000 };
type Room = Replica<typeof schema>;

let data: string;
let server: ServerProcess;
let replicas: Room[];
beforeEach(async () => {
  replicas = [];
  data = await mkdtemp(join(tmpdir(), 'holdfast-live-'));
  server = await startServer({ data, config });
});
afterEach(async () => {
  for (const replica of replicas) await replica.close();
  await server.end();
  await rm(data, { recursive: true, force: true });
});

/** Syncs by itself, and asks but once an hour: what comes sooner was told. */
async function open(device: string): Promise<Room> {
  const replica = await openReplica({
    schema,
    device,
    url: server.url,
    memory: true,
    automatic: { everyMs: 3_600_000 },
    delayMsMin: 50,
    delayMsMax: 200,
  });
  replicas.push(replica);
  return replica;
}

const isLive = async (replica: Room): Promise<boolean> => (await replica.scope('main').status()).live;

test('a change on one device is visible on another without a call of sync', async () => {
  const [bar, kitchen] = [await open('bar'), await open('kitchen')];
  for (const replica of [bar, kitchen]) await expect.poll(() => isLive(replica), patient).toBe(true);
  const shown = new Promise((resolve) => {
    kitchen.scope('main').totals.get.subscribe('gin', (record) => record && resolve(record));
  });
  await bar.scope('main').totals.put({ id: 'gin', sum: 3 });
  expect(await shown).toEqual({ id: 'gin', sum: 3 });
  await kitchen.scope('main').totals.add('gin', { sum: 4 });
  await expect.poll(() => bar.scope('main').totals.get('gin'), patient).toMatchObject({ sum: 7 });
  for (const replica of [bar, kitchen])
    await expect.poll(() => replica.status(), patient).toMatchObject({ pending: 0 });
});

test('after the server was killed and started again, the replicas find it and are told again', async () => {
  const [bar, kitchen] = [await open('bar'), await open('kitchen')];
  for (const replica of [bar, kitchen]) await expect.poll(() => isLive(replica), patient).toBe(true);
  const port = Number(new URL(server.url).port);
  await server.kill();
  await expect.poll(() => isLive(bar), patient).toBe(false);
  await bar.scope('main').totals.put({ id: 'gin', sum: 1 });
  server = await startServer({ data, config, port });
  await expect.poll(() => kitchen.scope('main').totals.get('gin'), patient).toMatchObject({ sum: 1 });
  for (const replica of [bar, kitchen]) await expect.poll(() => isLive(replica), patient).toBe(true);
});

test('SIGTERM ends a server with open sockets before its time is over', async () => {
  const opened = await Promise.all(['a', 'b', 'c'].map((device) => open(device)));
  for (const replica of opened) await expect.poll(() => isLive(replica), patient).toBe(true);
  // One that took more than five seconds would end by itself, with another code.
  expect(await server.end()).toBe(0);
});
