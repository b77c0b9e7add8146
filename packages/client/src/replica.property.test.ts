// The laws of a replica, under random writes, other devices, small pages, lost replies, restarts and all verdicts:
//   1. What is kept incrementally equals what is computed afresh, after every step.
//   2. In the end the replica equals the server, and nothing but what a person must decide is left in the outbox.
//   3. Every mutation that was made is applied exactly once, or lies in quarantine or conflict. (The counter's sum shows it.)

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { FakeServer } from './fake-server.fixture.ts';
import { type Bench, openBench, shopSchema } from './replica.fixture.ts';
import { resolveAll, step, take } from './replica-steps.fixture.ts';
import { checkStorage } from './storage-check.fixture.ts';

test('incrementally kept equals computed afresh, and in the end the replica equals the server', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 30 }),
      fc.integer({ min: 1, max: 3 }),
      fc.constantFrom<string[][]>([], [['items']], [['notes'], ['sales']]),
      async (steps, pageRecords, stages) => {
        const server = new FakeServer(shopSchema);
        server.pageRecords = pageRecords;
        let bench = await openBench({ server, stages });
        for (const one of steps) {
          bench = await take(bench, one);
          expect(await checkStorage(bench.storage, shopSchema, 'shop-1')).toEqual([]);
        }
        await endsEqual(bench);
      },
    ),
    { numRuns: 150 },
  );
});

async function endsEqual({ shop, server, storage }: Bench): Promise<void> {
  server.judge = () => ({ verdict: 'applied' });
  for (let round = 0; round < 4; round += 1) {
    await shop.sync();
    resolveAll(server);
  }
  expect(await shop.sync()).toMatchObject({ ok: true });
  expect(await checkStorage(storage, shopSchema, 'shop-1')).toEqual([]);
  expect(await shop.outbox.list()).toEqual([]);
  const there = (collection: string): object[] =>
    [...server.records.values()]
      .filter((record) => record.collection === collection)
      .flatMap((record) => (record.body ? [{ ...record.body, id: record.id }] : []))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  expect(await shop.items.list()).toEqual(there('items'));
  expect(await shop.sales.list()).toEqual(there('sales'));
}
