// The real process, killed while tills sync: what was answered is there, what was not is sent again, and nothing comes twice.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@holdfast/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ServerProcess, startServer } from '../../cli/server-process.fixture.ts';
import { order, said, sendTo, Till, transaction } from './pos.fixture.ts';

const preset = 'pos';
const kills = 2;

let data: string;
let server: ServerProcess | undefined;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'holdfast-pos-crash-'));
});
afterEach(async () => {
  await server?.kill();
  await rm(data, { recursive: true, force: true });
});

test('tills that sync through kills lose nothing and count nothing twice', { timeout: 120_000 }, async () => {
  server = await startServer({ data, preset });
  const port = Number(new URL(server.url).port);
  const url = server.url;
  let lives = 0;
  let answered = 0;
  let failed = 0;
  let wake = (): void => {};
  const work = async (name: string): Promise<Till> => {
    const till = new Till({ send: (path, body) => sendTo(url, path, body) }, name);
    for (let n = 0; lives < kills || n % 5 !== 0; n += 1) {
      const items = {
        orders: [
          order(`${name}-${n}`, { orderNumber: `${name}-${n}`, n }),
          order(`${name}-all`, { n }, { version: n + 1 }),
        ],
        transactions: [transaction(`${name}-${n}`, { referenceNumber: `${name}-${n}`, n })],
      };
      for (let isAnswered = false; !isAnswered; ) {
        const alive = lives;
        const answer = await till.sync(items).catch((error: unknown) => {
          // No answer came: nobody knows whether the server has it.
          if (!(error instanceof TypeError)) throw error;
          failed += 1;
        });
        if (answer) {
          isAnswered = true;
          answered += 1;
          expect([...answer.syncedOrders, ...answer.syncedTransactions].map(said)).toEqual([1, n + 1, 1]);
          wake();
        } else if (alive === lives) await reborn.promise;
      }
    }
    return till;
  };
  let reborn = Promise.withResolvers<void>();
  const working = ['till-a', 'till-b', 'till-c'].map(work);
  for (let n = 0; n < kills; n += 1) {
    const enough = answered + 10 + n * 3;
    await new Promise<void>((resolve) => {
      wake = () => {
        if (answered >= enough) resolve();
      };
    });
    await server.kill();
    server = await startServer({ data, preset, port });
    lives += 1;
    const waiting = reborn;
    reborn = Promise.withResolvers();
    waiting.resolve();
  }
  const tills = await Promise.all(working);
  expect(failed).toBeGreaterThan(0);
  for (const till of tills) await till.pages();
  const auditor = new Till({ send: (path, body) => sendTo(url, path, body) }, 'auditor');
  await auditor.pages();
  const { body: stats } = await sendTo(url, '/api/sync/stats');
  expect(stats).toMatchObject({ syncedOrders: auditor.orders.size, syncedTransactions: answered });
  expect(auditor.orders.size).toBe(answered + tills.length);
  // Each has read all that the others sent, as it stands in the end.
  for (const [at, till] of tills.entries()) {
    const own = ['till-a', 'till-b', 'till-c'][at];
    const others = [...auditor.orders].filter(([id]) => !id.startsWith(`${own}-`));
    expect(new Map<string, JsonObject>(till.orders)).toEqual(new Map(others));
  }
});
