// Live queries on every storage.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeServer } from '../fake-server.fixture.ts';
import { shopSchema } from '../replica.fixture.ts';
import { createLoopbackTransport } from '../transport/loopback.ts';
import { openReplica } from './open.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-live-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test.each(['memory', 'SQLite'])(
  '%s: a listener sees own writes and those of others, as they are committed',
  async (kind) => {
    const server = new FakeServer(shopSchema);
    const shared = {
      schema: shopSchema,
      device: 'till',
      transport: createLoopbackTransport({ handler: server.handler }),
    };
    const replica =
      kind === 'memory'
        ? await openReplica({ ...shared, memory: true })
        : await openReplica({ ...shared, path: join(folder, 'till.db') });
    const shop = replica.scope('shop-1');
    const seen: string[][] = [];
    for await (const items of shop.items.where.subscribe({ where: { name: { lt: 'c' } }, orderBy: 'name' })) {
      seen.push(items.map(({ name }) => name));
      if (seen.length === 1) await shop.items.put({ id: '1', name: 'b' });
      if (seen.length === 2) {
        await shop.items.put({ id: '2', name: 'c' });
        server.write('items', '3', { name: 'a' });
        await shop.sync();
      }
      if (seen.length === 3) break;
    }
    expect(seen).toEqual([[], ['b'], ['a', 'b']]);
    await replica.close();
  },
);
