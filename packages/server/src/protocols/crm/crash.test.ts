// The real process, killed while browsers sync: what was answered is there, what was not is sent again, and nothing comes twice.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@holdfast/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ServerProcess, startServer } from '../../cli/server-process.fixture.ts';
import { all, Browser, sendTo } from './crm.fixture.ts';

const preset = 'crm';
const kills = 2;

let data: string;
let server: ServerProcess | undefined;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'holdfast-crm-crash-'));
});
afterEach(async () => {
  await server?.kill();
  await rm(data, { recursive: true, force: true });
});

test('browsers that sync through kills lose nothing, and stay logged in', { timeout: 120_000 }, async () => {
  server = await startServer({ data, preset });
  const { url } = server;
  const port = Number(new URL(url).port);
  const password = /^ *password +(\S+)$/m.exec(server.output())?.[1];
  const { body: login } = await sendTo(url, '/api/auth/login', { username: 'admin', password });
  const headers = { authorization: `Bearer ${login.token}` };
  const crm = { send: (path: string, body?: unknown) => sendTo(url, path, body, headers) };
  const from = Date.now() - 3_600_000;
  const record = (id: string, n: number, fields: JsonObject): JsonObject => ({
    ...{ customer_id: id, ...fields },
    updated_at: new Date(from + n * 5_000).toISOString(),
  });
  let lives = 0;
  let answered = 0;
  let failed = 0;
  let wake = (): void => {};
  let reborn = Promise.withResolvers<void>();
  // Each has a field of its own in the record of all.
  const work = async (name: string): Promise<number> => {
    const browser = new Browser(crm, name);
    for (let n = 1; ; n += 1) {
      const records = [record(`${name}-${n}`, n, { n }), record('all', n, { [name]: n })];
      for (let isAnswered = false; !isAnswered; ) {
        const alive = lives;
        const answer = await browser.full(records, 'merge').catch((error: unknown) => {
          // No answer came: nobody knows whether the server has it.
          if (!(error instanceof TypeError)) throw error;
          failed += 1;
        });
        if (answer) {
          isAnswered = true;
          answered += 1;
          const { applied, conflicts, errors } = answer.push;
          expect({ told: applied.length + conflicts.length, errors }).toEqual({ told: 2, errors: [] });
          expect(applied[0]).toMatchObject({ uniqueId: `${name}-${n}`, action: 'CREATE' });
          wake();
        } else if (alive === lives) await reborn.promise;
      }
      if (lives >= kills && n % 5 === 0) return n;
    }
  };
  const names = ['browser-a', 'browser-b', 'browser-c'];
  const working = names.map(work);
  for (let n = 0; n < kills; n += 1) {
    const enough = answered + 10 + n * 3;
    await new Promise<void>((resolve) => {
      wake = () => {
        if (answered >= enough) resolve();
      };
    });
    await server.kill();
    server = await startServer({ data, preset, port });
    expect(server.output()).not.toContain('password');
    lives += 1;
    const waiting = reborn;
    reborn = Promise.withResolvers();
    waiting.resolve();
  }
  const counts = await Promise.all(working);
  expect(failed).toBeGreaterThan(0);
  const stands = await all(crm);
  expect(stands.all).toMatchObject(Object.fromEntries(names.map((name, place) => [name, counts[place]])));
  expect(Object.keys(stands)).toHaveLength(answered + 1);
});
