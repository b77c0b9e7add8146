// Random steps of a replica's life, for its property tests: writes, other devices, lost replies, restarts and all verdicts.

import type { Mutation } from '@holdfast/core';
import * as fc from 'fast-check';
import { ReplicaError } from './errors.ts';
import { type FakeServer, ok } from './fake-server.fixture.ts';
import type { Bench } from './replica.fixture.ts';

export type Step =
  | { type: 'put'; id: string; name: string; quantity: number }
  | { type: 'patch'; id: string; price: number | undefined }
  | { type: 'add'; id: string; amount: number }
  | { type: 'delete'; id: string }
  | { type: 'pair'; id: string; other: string }
  | { type: 'sale'; id: string }
  | { type: 'foreignSale'; id: string }
  | { type: 'foreign'; id: string; name: string | null }
  | {
      type: 'sync';
      fault: 'none' | 'lost' | 'unsent' | 'busy' | 'large';
      verdicts: ('applied' | 'rejected' | 'conflict' | 'waiting')[];
    }
  | { type: 'resolve' }
  | { type: 'restart' };

const id = fc.constantFrom('a', 'b', 'c');
export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('put' as const),
      id,
      name: fc.constantFrom('x', 'y'),
      quantity: fc.integer({ min: 0, max: 5 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('patch' as const),
      id,
      price: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('add' as const), id, amount: fc.integer({ min: -3, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('delete' as const), id }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('pair' as const), id, other: id }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('sale' as const), id }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('foreignSale' as const), id }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('foreign' as const),
      id,
      name: fc.option(fc.constantFrom('p', 'q')),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('sync' as const),
      fault: fc.constantFrom('none', 'none', 'none', 'lost', 'unsent', 'busy', 'large'),
      verdicts: fc.array(fc.constantFrom('applied', 'applied', 'rejected', 'conflict', 'waiting'), {
        maxLength: 4,
      }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('resolve' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('restart' as const) }) },
);

export async function take(bench: Bench, one: Step): Promise<Bench> {
  const { shop, server } = bench;
  switch (one.type) {
    case 'put':
      await shop.items.put({ id: one.id, name: one.name, quantity: one.quantity });
      return bench;
    case 'patch':
      await orMissing(() => shop.items.patch(one.id, { price: one.price }));
      return bench;
    case 'add':
      await orMissing(() => shop.items.add(one.id, { quantity: one.amount }));
      return bench;
    case 'delete':
      await shop.items.delete(one.id);
      return bench;
    case 'pair':
      await orMissing(() =>
        shop.mutate(async (tx) => {
          await tx.items.add(one.id, { quantity: 1 });
          await tx.items.add(one.other, { quantity: -1 });
        }),
      );
      return bench;
    case 'sale':
      await orMissing(() =>
        shop.mutate(async (tx) => {
          await tx.items.add(one.id, { quantity: -1 });
          await tx.sales.put({ id: `own-${one.id}`, item: one.id, total: server.writes });
        }),
      );
      return bench;
    case 'foreignSale':
      server.write('sales', `other-${one.id}`, { item: one.id, total: server.writes });
      return bench;
    case 'foreign':
      server.write(
        'items',
        one.id,
        one.name === null ? null : { ...server.body('items', one.id), name: one.name },
      );
      return bench;
    case 'sync': {
      const verdicts = [...one.verdicts];
      server.judge = (mutation) => judged(server, mutation, verdicts.shift() ?? 'applied');
      if (one.fault !== 'none') server.hooks = [undefined, faults[one.fault]];
      await shop.sync();
      server.hooks = [];
      return bench;
    }
    case 'resolve':
      resolveAll(server);
      return bench;
    case 'restart':
      return bench.reopen();
  }
}

const faults: Record<'lost' | 'unsent' | 'busy' | 'large', FakeServer['hooks'][number]> = {
  lost: (_, serve) => {
    serve();
    throw new Error('The reply was lost.');
  },
  unsent: () => {
    throw new Error('The request was lost.');
  },
  busy: () => ({ status: 503, body: '' }),
  large: (request, serve) =>
    request.batch && request.batch.mutations.length > 1 ? { status: 413, body: '' } : ok(serve()),
};

function judged(
  server: FakeServer,
  mutation: Mutation,
  verdict: 'applied' | 'rejected' | 'conflict' | 'waiting',
): ReturnType<FakeServer['judge']> {
  if (verdict !== 'conflict') return { verdict, ...(verdict === 'rejected' ? { code: 'unique_taken' } : {}) };
  const [change] = mutation.changes;
  const conflict = server.conflicts.length + 1;
  server.conflicts.push({
    id: conflict,
    collection: change?.collection ?? '',
    record: change?.id ?? '',
    fields: [],
    state: 'open',
    base: {},
    server: null,
    serverVersion: 0,
    device: [],
    mutations: [mutation.id],
    policy: 'ask',
  });
  return { verdict, code: 'conflict_open', conflicts: [conflict] };
}

/** Whatever waits or is in conflict is decided for the device. */
export function resolveAll(server: FakeServer): void {
  for (const [replica, log] of server.logs) {
    const latest = new Map(log.map((verdict) => [verdict.mutation, verdict]));
    for (const { mutation, verdict } of latest.values()) {
      if (verdict !== 'waiting' && verdict !== 'conflict') continue;
      server.applyKnown(mutation);
      for (const conflict of server.conflicts)
        if (conflict.mutations.includes(mutation)) conflict.state = 'settled';
      server.tell(replica, { mutation, verdict: 'applied', asOf: server.head, seq: server.head });
    }
  }
}

async function orMissing(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof ReplicaError) || error.code !== 'record_missing') throw error;
  }
}
