// Pushes through plan and store, as the engine does, for tests of stores that need true commits.

import { createHash } from 'node:crypto';
import {
  type Change,
  defaultLimits,
  defineSchema,
  emptyScope,
  emptyWorkingSet,
  foresee,
  needsAnything,
  type PlanContext,
  type PushItem,
  type PushOutcome,
  plan,
  type Schema,
} from '@holdfast/core';
import { z } from 'zod';
import type { Store } from './port.ts';

export const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');

export const pushSchema = defineSchema({
  version: 1,
  collections: {
    items: {
      kind: 'request',
      fields: z.object({
        name: z.string().optional(),
        sku: z.string().optional(),
        shelf: z.string().optional(),
        stock: z.number().optional(),
      }),
      unique: ['sku'],
      parents: { shelf: 'shelves' },
      counters: { stock: {} },
    },
    shelves: { kind: 'request', fields: z.object({ name: z.string() }) },
    sales: { kind: 'fact', fields: z.object({ amount: z.number(), item: z.string().optional() }) },
  },
});

export interface Push {
  /** One mutation each. */
  changes: readonly Change[];
  /** Names the mutations: pushing the same again repeats them. */
  name?: string;
  scope?: string;
  replica?: string;
  nowMs?: number;
  schema?: Schema;
}

/** Pushes in one commit, and answers the outcome. */
export function push(
  store: Store,
  {
    changes,
    name = 'm',
    scope = 'shop',
    replica = 'replica-1',
    nowMs = 1_764_000_000_000,
    schema = pushSchema,
  }: Push,
): Promise<PushOutcome> {
  const context: PlanContext = { schema, limits: defaultLimits, sha256, nowMs };
  const made = { wall: nowMs, mono: 0, session: 's', offset: 0, seen: 0 };
  const item: PushItem = {
    type: 'push',
    device: `device of ${replica}`,
    replica,
    former: [],
    right: 'write',
    room: { refusals: 0, replicas: 0 },
    verdictsSeen: 0,
    mutations: changes.map((change, at) => {
      const mutation = { id: `${name}-${at}`, schema: schema.version, made, changes: [change] };
      return { mutation, hash: sha256(JSON.stringify(mutation)), madeAt: nowMs };
    }),
  };
  return store.commit(async (transaction) => {
    const state = (await transaction.scopes([scope])).get(scope) ?? emptyScope;
    const set = emptyWorkingSet({ ...state });
    for (let needs = foresee([item], set.scope, context); ; ) {
      if (needsAnything(needs)) await transaction.load(new Map([[scope, needs]]), new Map([[scope, set]]), 2);
      const planned = plan([item], set, context);
      if (planned.type === 'commit') {
        await transaction.write(new Map([[scope, planned.writes]]), store.life);
        return planned.outcomes[0] as PushOutcome;
      }
      needs = planned.needs;
    }
  });
}

export function puts(
  count: number,
  body: (n: number) => Record<string, string | number>,
  collection = 'items',
): Change[] {
  return Array.from({ length: count }, (_, n) => ({
    type: 'put',
    collection,
    id: `${collection}-${n}`,
    body: body(n),
  }));
}
