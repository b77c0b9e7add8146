// A hotel's store room: what lies there, who delivers it, what is handed out, and what was counted.

import { defineSchema, z } from 'holdfast';

export const schema = defineSchema({
  version: 1,
  collections: {
    suppliers: {
      kind: 'request',
      fields: z.object({
        name: z.string().min(1),
        phone: z.string().optional(),
        email: z.string().optional(),
        notes: z.string().optional(),
      }),
      unique: ['name'],
      // Who orders from whom is for a person to decide: two changes of one supplier at a time wait for an answer.
      policy: 'ask',
    },
    items: {
      kind: 'request',
      fields: z.object({
        sku: z.string().min(1),
        name: z.string().min(1),
        unit: z.enum(['piece', 'box', 'bottle', 'kg', 'litre', 'roll']),
        quantity: z.number().optional(),
        reorderAt: z.number().min(0).optional(),
        price: z.number().min(0).optional(),
        shelf: z.string().optional(),
        supplier: z.string().optional(),
        tags: z.array(z.string()).optional(),
        checkedAt: z.number().optional(),
      }),
      unique: ['sku'],
      parents: { supplier: 'suppliers' },
      // Never set, only raised and lowered: so two store rooms that work offline add up.
      counters: { quantity: { minimum: 0 } },
      indexes: ['shelf', 'name'],
      policy: 'merge',
      fieldPolicies: {
        // Prices come from the office.
        price: 'server',
        // Who stands before the shelf knows best.
        shelf: 'client',
        tags: 'union',
        checkedAt: 'max',
        name: 'newest',
      },
    },
    // Goods handed out. It has happened, so it is never refused; the same mutation lowers the item's quantity.
    issues: {
      kind: 'fact',
      fields: z.object({
        item: z.string(),
        amount: z.number().positive(),
        to: z.string().min(1),
        by: z.string().optional(),
        at: z.number().optional(),
      }),
      parents: { item: 'items' },
      indexes: ['to'],
      priority: 9,
      history: { days: 'forever' },
    },
    stocktakes: {
      kind: 'fact',
      fields: z.object({
        item: z.string(),
        counted: z.number().min(0),
        expected: z.number().optional(),
        by: z.string().optional(),
        at: z.number().optional(),
      }),
      parents: { item: 'items' },
      // A count that is far off should be known soon.
      priority: (count) => (count.expected !== undefined && count.counted < count.expected / 2 ? 8 : 4),
    },
    settings: {
      kind: 'request',
      fields: z.object({ value: z.union([z.string(), z.number(), z.boolean()]) }),
      policy: 'server',
      priority: 2,
    },
  },
});
