// The composed server: it starts whole or leaves nothing behind, acknowledges only what is durable, and ends cleanly.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { composeServer, type HoldfastServer } from './compose.ts';
import { type Config, type ConfigOptions, defineConfig } from './config.ts';
import { fatalExitCode, type Parts, processParts } from './open-folder.ts';
import { exchangeOf, idOf, mutationOf, schema } from './protocols/native/native.fixture.ts';
import { type Store, StoreError } from './store/port.ts';
import { openSqliteStore } from './store/sqlite/open.ts';

let data: string;
let config: Config;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'holdfast-compose-'));
  config = defineConfig({ schema, port: 0, data, logLevel: 'silent' });
});
afterEach(() => rm(data, { recursive: true, force: true }));

function push(url: string, n: number, parts: Record<string, unknown> = {}): Promise<Response> {
  const put = { type: 'put', collection: 'items', id: `i${n}`, body: { name: `Item ${n}` } };
  const body = exchangeOf({
    limit: 0,
    replica: `r${n}`,
    batch: { n: 1, mutations: [mutationOf(n, put)] },
    ...parts,
  });
  return fetch(`${url}/v1/exchange`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

/** The store, whose next commits, or reads, meet `fault` while it is set. */
function faulty(on: 'commit' | 'read' = 'commit'): {
  openStore: Parts['openStore'];
  set: (fault: StoreError | undefined) => void;
} {
  let fault: StoreError | undefined;
  return {
    set: (next) => {
      fault = next;
    },
    async openStore(options) {
      const store: Store = await openSqliteStore(options);
      return {
        life: store.life,
        oneWriter: store.oneWriter,
        identity: store.identity,
        commit: (work) => (fault && on === 'commit' ? Promise.reject(fault) : store.commit(work)),
        read: (work) => (fault && on === 'read' ? Promise.reject(fault) : store.read(work)),
        probe: () => (fault ? Promise.reject(fault) : store.probe()),
        backup: (file) => store.backup(file),
        close: () => store.close(),
      };
    },
  };
}

test('what a server has taken, the next life of it still has', async () => {
  const first = composeServer(config);
  const { url } = await first.start();
  expect((await push(url, 1)).status).toBe(200);
  await first.stop();
  await first.stop();
  const second = composeServer(config);
  const { engine } = await second.start();
  expect((await engine.inspect.counts()).mutations).toBe(1);
  await second.stop();
});

test('the bounds of live sockets are those of the config', async () => {
  const server = composeServer(defineConfig({ ...config, live: { socketsMax: 1 } }));
  const { url } = await server.start();
  const open = (): Promise<unknown> => {
    const socket = new WebSocket(`${url.replace('http:', 'ws:')}/v1/live`);
    return new Promise((resolve) => {
      socket.onopen = () => resolve('let in');
      socket.onerror = () => resolve('refused');
    });
  };
  expect([await open(), await open()]).toEqual(['let in', 'refused']);
  await server.stop();
});

test('two servers do not share a folder; the second leaves the first alone', async () => {
  const first = composeServer(config);
  const { url } = await first.start();
  await expect(composeServer(config).start()).rejects.toMatchObject({
    name: 'StartError',
    code: 'data_locked',
  });
  expect((await push(url, 1)).status).toBe(200);
  expect(existsSync(join(data, 'server.json'))).toBe(true);
  await first.stop();
  expect(existsSync(join(data, 'server.json'))).toBe(false);
});

test('a database that another data folder names, too, is worked on by one server alone', async () => {
  const database = join(data, 'shared.db');
  const [first, second] = ['a', 'b'].map((name) =>
    composeServer(defineConfig({ ...config, data: join(data, name), database })),
  ) as [HoldfastServer, HoldfastServer];
  await first.start();
  await expect(second.start()).rejects.toMatchObject({ code: 'data_locked' });
  await first.stop();
  await second.start();
  await second.stop();
});

test('keys are asked for from the start on that finds one; the first admin is made where users log in, and once', async () => {
  const served = async (more: Partial<ConfigOptions>) => {
    const server = composeServer(defineConfig({ ...config, ...more }));
    const { url, auth, firstAdmin, store } = await server.start();
    const { status } = await push(url, 1);
    const { length: users } = await store.read((snapshot) => snapshot.users());
    await server.stop();
    return [auth, status, firstAdmin?.name, users];
  };
  const firstAdmin = 'admin';
  expect(await served({ auth: 'keys-if-any', firstAdmin })).toEqual(['none', 200, undefined, 0]);
  expect(await served({ auth: 'keys-if-any', keys: ['one-of-the-config'] })).toEqual([
    'keys',
    401,
    undefined,
    0,
  ]);
  expect(await served({ auth: 'jwt' })).toEqual(['jwt', 401, undefined, 0]);
  expect(await served({ auth: 'jwt', firstAdmin })).toEqual(['jwt', 401, 'admin', 1]);
  expect(await served({ auth: 'jwt', firstAdmin })).toEqual(['jwt', 401, undefined, 1]);
});

test('a port that is taken is told, and the folder is free again', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as AddressInfo;
  const taken = composeServer({ ...config, port });
  await expect(taken.start()).rejects.toMatchObject({ name: 'StartError', code: 'port_taken' });
  other.close();
  const free = composeServer(config);
  await free.start();
  await free.stop();
});

test('an address of another machine is told', async () => {
  const away = composeServer({ ...config, host: '203.0.113.9' });
  await expect(away.start()).rejects.toMatchObject({ name: 'StartError', code: 'host_unusable' });
});

test.each([
  ['full', 'storage_full'],
  ['busy', 'storage_busy'],
  ['readonly', 'storage_readonly'],
  ['failed', 'storage_failed'],
] as const)(
  'a store that is %s acknowledges nothing, says why, and goes on when it is over',
  async (code, answer) => {
    const { openStore, set } = faulty();
    const server = composeServer(config, { openStore });
    const { url, engine } = await server.start();
    set(new StoreError(code, 'injected'));
    for (const response of [await push(url, 1), await fetch(`${url}/readyz`)]) {
      expect(response.status).toBe(503);
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await response.json()).toMatchObject({ error: { code: answer } });
    }
    // Reads go on.
    expect((await push(url, 1, { batch: undefined })).status).toBe(200);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    set(undefined);
    expect((await push(url, 1)).status).toBe(200);
    expect((await engine.inspect.counts()).mutations).toBe(1);
    await server.stop();
  },
);

test('a batch that was taken is not called refused when its answer cannot be read', async () => {
  const { openStore, set } = faulty('read');
  const server = composeServer(config, { openStore });
  const { url, engine } = await server.start();
  set(new StoreError('busy', 'injected'));
  // The commit does not know it.
  const lost = await push(url, 1, { collections: ['items'] });
  expect(lost.status).toBe(503);
  expect(Number(lost.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await lost.json()).toMatchObject({ error: { code: 'unanswered' } });
  expect(await (await push(url, 1, { batch: undefined })).json()).toMatchObject({
    error: { code: 'storage_busy' },
  });
  set(undefined);
  expect((await engine.inspect.counts()).mutations).toBe(1);
  expect(await (await push(url, 1)).json()).toMatchObject({ verdicts: [{ verdict: 'applied' }] });
  await server.stop();
});

test('a database without room is not ready, though what stands in it could be changed; with more room it is', async () => {
  const small = composeServer({ ...config, sizeBytesMax: 1_048_576 });
  const { url } = await small.start();
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  let status = 200;
  for (let n = 1; n < 1_000 && status === 200; n++)
    ({ status } = await push(url, n, {
      batch: {
        n: 1,
        mutations: [
          mutationOf(n, {
            type: 'put',
            collection: 'items',
            id: `i${n}`,
            body: { name: `${n}`.padEnd(20_000) },
          }),
        ],
      },
    }));
  expect(status).toBe(503);
  // What was found less than a second ago is told again.
  await expect
    .poll(async () => (await fetch(`${url}/readyz`)).json(), { timeout: 30_000 })
    .toMatchObject({ error: { code: 'storage_full' } });
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  await small.stop();
  const larger = composeServer({ ...config, sizeBytesMax: 8_388_608 });
  const again = await larger.start();
  expect((await fetch(`${again.url}/readyz`)).status).toBe(200);
  await larger.stop();
});

test('a failed fsync ends the process at once, with nothing acknowledged', async () => {
  const { openStore, set } = faulty();
  const exits: number[] = [];
  const server = composeServer(config, { openStore, exit: (code) => exits.push(code) });
  const { url } = await server.start();
  set(new StoreError('fsync', 'injected'));
  const answers = await Promise.all([push(url, 1), push(url, 2)]);
  expect(answers.map(({ status }) => status)).toEqual([503, 503]);
  expect(exits).toContain(fatalExitCode);
  expect(exits.every((code) => code !== 0)).toBe(true);
  await server.stop();
});

test('the end answers the pushes that were taken, and all of them are there afterwards', async () => {
  const server = composeServer(config);
  const { url } = await server.start();
  expect((await push(url, 1)).status).toBe(200);
  const pushes = Array.from({ length: 40 }, (_, n) => push(url, n + 2));
  // The first answer says that the others are on their way.
  await pushes[0];
  const from = performance.now();
  const stopped = server.stop();
  const outcomes = await Promise.allSettled(pushes);
  await stopped;
  expect(performance.now() - from).toBeLessThan(5_000);
  const taken = outcomes.flatMap((outcome, n) =>
    outcome.status === 'fulfilled' && outcome.value.status === 200 ? [idOf(n + 2)] : [],
  );
  const again = composeServer(config);
  const { engine } = await again.start();
  const { records } = await engine.pull({ key: null, device: '', actor: '' }, 'shop-1', { after: null });
  for (const id of taken)
    expect(records.map(({ id: record }) => record)).toContain(`i${Number(id.slice(-6))}`);
  await again.stop();
});

test('the log also goes to files in the data folder, whole when the server has stopped', async () => {
  const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const server = composeServer(defineConfig({ ...config, logLevel: 'debug', logFiles: true }));
  const { url } = await server.start();
  await push(url, 1);
  await server.stop();
  const lines = (await readFile(join(data, 'logs', 'combined.log'), 'utf8')).split('\n');
  expect(lines[0]).toContain('"serving"');
  expect(lines.at(-2)).toContain('"stopped"');
  expect(told.mock.calls.map(([line]) => line).join('')).toBe(lines.join('\n'));
  told.mockRestore();
  expect(await readFile(join(data, 'logs', 'error.log'), 'utf8')).toBe('');
});

test('an end that takes too long is forced', async () => {
  const exits: number[] = [];
  let overdue: (() => void) | undefined;
  const parts = processParts(config);
  const server = composeServer(config, {
    exit: (code) => exits.push(code),
    timer: {
      after(delayMs, run) {
        if (delayMs > 4_000 && delayMs < 5_000) overdue = run;
        return parts.timer.after(delayMs, run);
      },
    },
  });
  await server.start();
  const stopped = server.stop();
  overdue?.();
  await stopped;
  expect(exits).toEqual([1]);
});

test('devices are told where it serves, and not after its end', async () => {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  try {
    const discovery = { name: 'The shop', beaconPort: socket.address().port };
    const server = composeServer(defineConfig({ ...config, discovery }));
    const heard = once(socket, 'message');
    const { url } = await server.start();
    const [told] = (await heard) as [Buffer];
    await server.stop();
    expect(JSON.parse(told.toString())).toMatchObject({
      name: 'The shop',
      version: '1',
      serverIP: '127.0.0.1',
      port: Number(new URL(url).port),
    });
  } finally {
    socket.close();
  }
});
