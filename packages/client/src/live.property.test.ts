// The laws of live queries, under random writes, other devices, small pages, lost replies and all verdicts:
//   1. What a listener sees, value by value, is its query over the committed views, in their order, each once.
//   2. Verdicts and pages of what the device itself wrote change nothing that a listener sees.

import type { Json, JsonObject } from '@holdfast/core';
import { canonicalJson } from '@holdfast/core';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { FakeServer } from './fake-server.fixture.ts';
import type { Query } from './query.ts';
import { openBench, settle, shopSchema } from './replica.fixture.ts';
import { type Step, step, take } from './replica-steps.fixture.ts';
import { createMemoryStorage } from './storage/memory.ts';
import type { Storage } from './storage/port.ts';

interface Item {
  name: string;
  price?: number;
  note?: string;
  quantity?: number;
}
type Found = Item & { id: string };

/** Each with what it would find among all records. */
const queries: { query: Query<Item>; filter(all: Found[]): Found[] }[] = [
  { query: {}, filter: (all) => all },
  { query: { where: { id: 'a' } }, filter: (all) => all.filter(({ id }) => id === 'a') },
  { query: { where: { name: 'x' } }, filter: (all) => all.filter(({ name }) => name === 'x') },
  { query: { where: { price: null } }, filter: (all) => all.filter(({ price }) => price === undefined) },
  {
    query: { where: { quantity: { gte: 3 } } },
    filter: (all) => all.filter(({ quantity = -1 }) => quantity >= 3),
  },
  { query: { limit: 1, after: { id: 'a' } }, filter: (all) => all.filter(({ id }) => id > 'a').slice(0, 1) },
  {
    query: {
      where: { name: { in: ['x', 'y'] } },
      orderBy: [{ field: 'quantity', direction: 'desc' }],
      limit: 2,
    },
    filter: (all) =>
      all
        .filter(({ name }) => name === 'x' || name === 'y')
        .sort((a, b) => (b.quantity ?? -99) - (a.quantity ?? -99) || (a.id < b.id ? 1 : -1))
        .slice(0, 2),
  },
];

/** Notes what is visible after each commit. The next write waits until those who were woken by the former have read. */
function notingStorage(): Storage & { views: Found[][] } {
  const inner = createMemoryStorage();
  const views: Found[][] = [];
  return {
    views,
    close: () => inner.close(),
    async transaction(mode, work) {
      if (mode === 'read') return inner.transaction(mode, work);
      for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      return inner.transaction(mode, async (tx) => {
        const result = await work(tx);
        const found = await tx.scan('records', { prefix: ['shop-1', 'items'], limit: 1_000 });
        views.push(
          found.map(
            ({ key, value }) => ({ ...(value as { body: JsonObject }).body, id: key[2] }) as unknown as Found,
          ),
        );
        return result;
      });
    },
  };
}

function differing(values: readonly Found[][]): string[] {
  const texts = values.map((value) => canonicalJson(value as unknown as Json));
  return texts.filter((text, at) => text !== texts[at - 1]);
}

test('a listener sees its query over the committed views, in order, each once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        step.filter(({ type }) => type !== 'restart'),
        { maxLength: 20 },
      ),
      fc.integer({ min: 1, max: 3 }),
      async (steps, pageRecords) => {
        const server = new FakeServer(shopSchema);
        server.pageRecords = pageRecords;
        const storage = notingStorage();
        const bench = await openBench({ server, storage });
        const seen = queries.map(({ query }) => {
          const values: Found[][] = [];
          bench.shop.items.where.subscribe(query, (found) => values.push(found as Found[]));
          return values;
        });
        await settle();
        for (const one of steps) await take(bench, one);
        await settle();
        for (const [at, { filter }] of queries.entries())
          expect(seen[at]?.map((value) => canonicalJson(value as unknown as Json))).toEqual(
            differing([[], ...storage.views.map((view) => filter([...view]))]),
          );
      },
    ),
    { numRuns: 80 },
  );
});

const ownSteps = step.filter(({ type }) => !['restart', 'foreign', 'foreignSale', 'resolve'].includes(type));

test('verdicts and pages of the device’s own writes show a listener nothing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(ownSteps, { maxLength: 20 }),
      fc.integer({ min: 1, max: 3 }),
      fc.constantFrom<string[][]>([], [['items']], [['notes'], ['sales']]),
      async (steps, pageRecords, stages) => {
        const server = new FakeServer(shopSchema);
        server.pageRecords = pageRecords;
        const bench = await openBench({ server, stages });
        let told = 0;
        const count = (): void => {
          told += 1;
        };
        bench.shop.items.list.subscribe({}, count);
        bench.shop.sales.list.subscribe({}, count);
        await settle();
        for (const one of steps) {
          const before = told;
          await take(bench, applied(one));
          await settle();
          if (one.type === 'sync') expect(told).toBe(before);
        }
      },
    ),
    { numRuns: 40 },
  );
});

/** The server takes everything. */
function applied(one: Step): Step {
  return one.type === 'sync' ? { ...one, verdicts: [] } : one;
}
