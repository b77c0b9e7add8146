// Calls of the replica from inside of a mutation, on every storage: refused at once, instead of waiting for each other.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeServer } from '../fake-server.fixture.ts';
import { shopSchema } from '../replica.fixture.ts';
import type { Replica } from '../replica.ts';
import { createLoopbackTransport } from '../transport/loopback.ts';
import { openReplica } from './open.ts';

type Shop = ReturnType<Replica<typeof shopSchema>['scope']>;

describe.each(['memory', 'SQLite'])('%s', (kind) => {
  let folder: string;
  let replica: Replica<typeof shopSchema>;
  let shop: Shop;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-inside-'));
    const server = new FakeServer(shopSchema);
    const transport = createLoopbackTransport({ handler: server.handler });
    const shared = { schema: shopSchema, device: 'till', transport };
    replica =
      kind === 'memory'
        ? await openReplica({ ...shared, memory: true })
        : await openReplica({ ...shared, path: join(folder, 'till.db') });
    shop = replica.scope('shop-1');
    await shop.items.put({ id: 'old', name: 'old' });
  });
  afterEach(async () => {
    await replica.close();
    rmSync(folder, { recursive: true });
  });

  const calls: [string, () => Promise<unknown>][] = [
    ['a read', () => shop.items.get('old')],
    ['a list', () => shop.items.list()],
    ['a query', () => shop.items.where({ where: { name: 'old' } })],
    ['a subscription', async () => shop.items.list.subscribe({}, () => undefined)],
    ['a read of another scope', () => replica.scope('shop-2').items.get('old')],
    ['a write', () => shop.items.put({ id: 'b', name: 'b' })],
    ['a mutation in it', () => shop.mutate((tx) => tx.items.put({ id: 'b', name: 'b' }))],
    ['a sync', () => shop.sync()],
    ['a sync of all', () => replica.sync()],
    ['the status', () => shop.status()],
    ['the status of all', () => replica.status()],
    ['the outbox', () => shop.outbox.list()],
    ['the quarantine', () => shop.quarantine.discard(1, 'no')],
    ['the id', () => replica.id()],
    ['the end', () => replica.close()],
  ];
  test.each(calls)('a mutation that awaits %s fails, and what it wrote is undone', async (_, call) => {
    const writing = shop.mutate(async (tx) => {
      await tx.items.put({ id: 'a', name: 'a' });
      await call();
    });
    await expect(writing).rejects.toMatchObject({ name: 'ReplicaError', code: 'inside_mutation' });
    expect((await shop.items.list()).map(({ id }) => id)).toEqual(['old']);
    expect(await shop.outbox.list()).toHaveLength(1);
  });

  test('a mutation may go on without the call that was refused', async () => {
    await shop.mutate(async (tx) => {
      await expect(shop.items.get('old')).rejects.toMatchObject({ code: 'inside_mutation' });
      await tx.items.put({ id: 'a', name: 'a' });
    });
    expect((await shop.items.list()).map(({ id }) => id)).toEqual(['a', 'old']);
  });

  test('also behind helpers, and in the making of a correction', async () => {
    const helper = async (): Promise<unknown> => {
      await Promise.resolve();
      return shop.items.get('old');
    };
    const writing = shop.mutate(async (tx) => {
      await tx.items.get('old');
      return (await Promise.all([helper(), tx.items.get('old')]))[0];
    });
    await expect(writing).rejects.toMatchObject({ code: 'inside_mutation' });
  });

  test('calls from elsewhere wait for the mutation’s end; what it left running may call afterwards', async () => {
    let later: Promise<unknown> | undefined;
    let ended: (() => void) | undefined;
    const end = new Promise<void>((resolve) => {
      ended = resolve;
    });
    const writing = shop.mutate(async (tx) => {
      await tx.items.put({ id: 'a', name: 'a' });
      later = end.then(() => shop.items.get('a'));
      await tx.items.patch('a', { price: 1 });
    });
    const read = shop.items.get('a');
    await writing;
    ended?.();
    expect(await read).toEqual({ id: 'a', name: 'a', price: 1 });
    expect(await later).toEqual({ id: 'a', name: 'a', price: 1 });
  });
});
