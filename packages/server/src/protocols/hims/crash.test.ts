// The real server of the preset, killed in the middle of pushes: what was answered is there, and what is sent again counts once.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@holdfast/core';
import { expect, test } from 'vitest';
import { type ServerProcess, startServer } from '../../cli/server-process.fixture.ts';
import { item } from './hims.fixture.ts';

async function ask(server: ServerProcess, path: string, body: JsonObject): Promise<JsonObject> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as JsonObject;
}

test('kill -9 between and in the middle of pushes', async () => {
  const data = await mkdtemp(join(tmpdir(), 'holdfast-hims-crash-'));
  const start = () => startServer({ data, preset: 'hims' });
  let server = await start();
  try {
    const pushes = Array.from({ length: 3 }, (_, n) => ({
      deviceUuid: `till-${n % 2}`,
      data: { stock_items: Array.from({ length: 50 }, (_, place) => item(`p${n}i${place}`, place)) },
    }));
    const acknowledged = new Set<number>();
    let since: string | undefined;
    const seen = new Set<string>();
    const pull = async (): Promise<void> => {
      for (let more = true; more; ) {
        const page = await ask(server, '/sync/pull', {
          deviceUuid: 'reader',
          tables: ['stock_items'],
          ...(since === undefined ? {} : { since }),
        });
        const { stock_items } = page.data as { stock_items: JsonObject[] };
        for (const { uuid } of stock_items) seen.add(String(uuid));
        since = String(page.timestamp);
        more = page.hasMore === true;
      }
    };
    for (const [n, push] of pushes.entries()) {
      const sending = ask(server, '/sync/push', push)
        .then(() => acknowledged.add(n))
        .catch(() => undefined);
      // Every second one is killed while it is on its way.
      if (n % 2 === 0) await sending;
      await server.kill();
      await sending;
      server = await start();
      await pull();
      for (const done of acknowledged) expect(seen).toContain(`p${done}i49`);
    }
    for (const push of [...pushes, ...pushes])
      expect(await ask(server, '/sync/push', push)).toMatchObject({
        processed: { inserted: 50, updated: 0, conflicts: 0, errors: 0 },
      });
    await pull();
    expect(seen.size).toBe(150);
    expect(acknowledged.size).toBeGreaterThanOrEqual(2);
    const whole = await ask(server, '/sync/pull', { deviceUuid: 'reader', since: String(since) });
    expect(whole.totalRecords).toBe(0);
  } finally {
    await server.kill();
    await rm(data, { recursive: true, force: true });
  }
}, 120_000);
