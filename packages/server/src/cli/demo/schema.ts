// What the demo keeps: a hotel's store room, as small as it can be and still meet every kind of trouble.

import { defineSchema } from '@holdfast/core';
import { z } from 'zod';

export const schema = defineSchema({
  version: 1,
  collections: {
    // Who orders from whom is for a person to decide.
    suppliers: {
      kind: 'request',
      fields: z.object({ name: z.string(), phone: z.string() }),
      policy: 'ask',
    },
    items: {
      kind: 'request',
      fields: z.object({
        name: z.string(),
        sku: z.string(),
        quantity: z.number().optional(),
        price: z.number(),
        tags: z.array(z.string()).optional(),
      }),
      unique: ['sku'],
      // Only raised and lowered, so that what is sold at two places adds up.
      counters: { quantity: { minimum: 0 } },
      policy: 'merge',
      fieldPolicies: { price: 'server', tags: 'union' },
    },
    // It has happened, so it is never refused.
    sales: {
      kind: 'fact',
      fields: z.object({ item: z.string(), amount: z.number() }),
      parents: { item: 'items' },
      priority: 9,
    },
  },
});

export const scopeName = 'main';
