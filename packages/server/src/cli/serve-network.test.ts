// The real process over real sockets: cut replies, repeated and reordered requests, writers and a reader at once, a full and a
// locked database. Everything is acknowledged once, or not at all with a reason.

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { ExchangeAnswer } from '@holdfast/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { exchange, mutationOf, pullAll, type ServerProcess, startServer } from './server-process.fixture.ts';

const config = fileURLToPath(new URL('./crash.fixture.config.ts', import.meta.url));
const pusher = fileURLToPath(new URL('./pusher.fixture.ts', import.meta.url));

let data: string;
let server: ServerProcess;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'holdfast-network-'));
  server = await startServer({ data, config });
  const total = mutationOf([{ type: 'put', collection: 'totals', id: 'all', body: {} }]);
  await exchange(server.url, { replica: 'setup', batch: { n: 1, mutations: [total] } });
});
afterEach(async () => {
  await server.end();
  await rm(data, { recursive: true, force: true });
});

const add = (sum: number) => mutationOf([{ type: 'add', collection: 'totals', id: 'all', amounts: { sum } }]);
const sumNow = async (): Promise<unknown> =>
  (await pullAll(server.url, 'sum', 1_000)).get('totals/all')?.body?.sum;

test('a request whose reply is cut counts once, however often it comes again', async () => {
  const mutations = [add(1), add(2)];
  const batch = { n: 1, mutations };
  const body = JSON.stringify({
    protocol: 'holdfast/1',
    device: 'device-of-cut',
    replica: 'cut',
    scope: 'main',
    schema: 1,
    checkpoint: null,
    verdictsSeen: 0,
    seqSeen: 0,
    clock: { wall: 0, mono: 0, session: 's' },
    batch,
  });
  for (let cut = 0; cut < 5; cut++) {
    const port = Number(new URL(server.url).port);
    await new Promise<void>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(
          `POST /v1/exchange HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
        );
        // The first cuts before anything can have come back, the others at the first byte of the reply.
        if (cut === 0) socket.destroy();
      });
      socket.once('data', () => socket.destroy());
      socket.once('close', () => resolve());
      socket.once('error', reject);
    });
  }
  const { answer } = await exchange(server.url, { replica: 'cut', batch });
  expect(answer.verdicts.map(({ verdict, mutation }) => [verdict, mutation])).toEqual(
    mutations.map(({ id }) => ['applied', id]),
  );
  expect(await sumNow()).toBe(3);
});

test('the same batch thirty times at once gives thirty times the same verdicts and one effect', async () => {
  const batch = { n: 1, mutations: [add(0.1), add(0.2)] };
  const replies = await Promise.all(
    Array.from({ length: 30 }, () => exchange(server.url, { replica: 'same', limit: 0, batch })),
  );
  const [first] = replies;
  for (const { status, answer } of replies)
    expect([status, answer.verdicts]).toEqual([200, first?.answer.verdicts]);
  expect(await sumNow()).toBe(0.3);
});

test('a batch that is overtaken by a later one is refused as stale, and nothing of it is taken', async () => {
  await exchange(server.url, { replica: 'late', batch: { n: 2, mutations: [add(1)] } });
  const overtaken = [add(10)];
  const { status, answer } = await exchange(server.url, {
    replica: 'late',
    batch: { n: 1, mutations: overtaken },
  });
  expect([status, answer]).toMatchObject([409, { error: { code: 'stale_batch', field: 'batch.n' } }]);
  expect(await sumNow()).toBe(1);
  await exchange(server.url, { replica: 'late', batch: { n: 3, mutations: overtaken } });
  expect(await sumNow()).toBe(11);
});

test('two processes push while a third pages: it misses nothing, and sees each mutation whole at every head', {
  timeout: 60_000,
}, async () => {
  const batches = 150;
  const writers = ['left', 'right'].map((name) => {
    const child = spawn(process.execPath, [pusher, server.url, name, String(batches)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    return new Promise<string[]>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) =>
        code === 0 ? resolve(output.trim().split('\n')) : reject(new Error(`The writer ended with ${code}.`)),
      );
    });
  });
  let over = false;
  const ended = Promise.all(writers).finally(() => {
    over = true;
  });
  const seen = new Map<string, ExchangeAnswer['records'][number]>();
  let checkpoint: string | null = null;
  for (let last = false; !last; ) {
    last = over;
    for (let more = true; more; ) {
      const { answer }: { answer: ExchangeAnswer } = await exchange(server.url, {
        replica: 'reader',
        checkpoint,
        limit: 3,
      });
      expect(answer.from).toBe(checkpoint);
      for (const record of answer.records) seen.set(`${record.collection}/${record.id}`, record);
      ({ checkpoint, more } = answer);
    }
    const marks = [...seen.values()].filter(({ collection }) => collection === 'marks');
    expect(marks.length % 2).toBe(0);
    for (const { id } of marks) expect(seen.has(`marks/${id.replace(/left$/, 'right')}`)).toBe(true);
    expect(seen.get('totals/all')?.body?.sum ?? 0).toBe(marks.length / 2 / 10);
  }
  const acknowledged = (await ended).flat();
  expect(acknowledged.every((line) => line.startsWith('applied '))).toBe(true);
  expect(new Set(acknowledged).size).toBe(2 * batches);
  expect([...seen.values()].filter(({ collection }) => collection === 'marks')).toHaveLength(4 * batches);
});

test('a locked database is answered 503 with a reason, and the server goes on when it is let go', {
  timeout: 60_000,
}, async () => {
  const locker = new DatabaseSync(join(data, 'holdfast.db'));
  const mutation = add(5);
  try {
    locker.exec('BEGIN IMMEDIATE');
    const { status, answer } = await exchange(server.url, {
      replica: 'locked',
      batch: { n: 1, mutations: [mutation] },
    });
    expect([status, answer]).toMatchObject([503, { error: { code: 'storage_busy' } }]);
  } finally {
    locker.exec('ROLLBACK');
    locker.close();
  }
  const { answer } = await exchange(server.url, {
    replica: 'locked',
    batch: { n: 1, mutations: [mutation] },
  });
  expect(answer.verdicts).toMatchObject([{ verdict: 'applied' }]);
  expect(await sumNow()).toBe(5);
});

test('a full database acknowledges nothing, still reads, and goes on when it may grow', {
  timeout: 60_000,
}, async () => {
  await server.end();
  const small = join(data, 'small.config.ts');
  const settings = (bytes: number): string =>
    `import config from ${JSON.stringify(pathToFileURL(config).href)};\nexport default { ...config, sizeBytesMax: ${bytes} };\n`;
  await writeFile(small, settings(2_000_000));
  server = await startServer({ data, config: small });
  const acknowledged: string[] = [];
  const big = (n: number) =>
    mutationOf([
      {
        type: 'put',
        collection: 'marks',
        id: `big-${n}`,
        body: { worker: 0, n, amount: 0, text: 'x'.repeat(100_000) },
      },
    ]);
  let refused: { status: number; answer: unknown } | undefined;
  let last = big(0);
  for (let n = 1; n < 100 && !refused; n++) {
    last = big(n);
    const { status, answer } = await exchange(server.url, {
      replica: 'full',
      limit: 0,
      batch: { n, mutations: [last] },
    });
    if (status === 200) acknowledged.push(`marks/big-${n}`);
    else refused = { status, answer };
  }
  expect(refused).toMatchObject({ status: 503, answer: { error: { code: 'storage_full' } } });
  const records = await pullAll(server.url, 'reader', 10);
  expect([...records.keys()].filter((key) => key.startsWith('marks/')).sort()).toEqual(
    [...acknowledged].sort(),
  );
  await server.end();
  await writeFile(small, settings(20_000_000));
  server = await startServer({ data, config: small });
  const { answer } = await exchange(server.url, {
    replica: 'full',
    limit: 0,
    batch: { n: 100, mutations: [last] },
  });
  expect(answer.verdicts.at(-1)).toMatchObject({ mutation: last.id, verdict: 'applied' });
});
