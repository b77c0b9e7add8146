// The business that is simulated: one collection for each policy and kind, with counters, unique values and parents.
// The devices' schema takes a little more than the server's, so that some of what they write is invalid there.

import { defineSchema } from '@holdfast/core';
import { z } from 'zod';

/** As the checkers know them, which read no declaration: the unique groups, the fields that name
 * a parent, and the collections of facts. */
export const uniqueGroups: ReadonlyMap<string, readonly (readonly string[])[]> = new Map([
  ['items', [['sku']]],
  ['bookings', [['room', 'slot']]],
  ['sales', [['receipt']]],
]);
export const parentFields: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map([
  ['items', new Map([['shelf', 'shelves']])],
  ['sales', new Map([['item', 'items']])],
]);
export const factCollections: ReadonlySet<string> = new Set(['sales']);

const build = (strict: boolean) =>
  defineSchema({
    version: 1,
    collections: {
      // Money: only moved, never made. `add` alone changes a balance, and accounts are never deleted.
      accounts: {
        kind: 'request',
        fields: z.object({ owner: z.string(), balance: z.number() }),
        counters: { balance: {} },
      },
      items: {
        kind: 'request',
        fields: z.object({
          name: z.string(),
          sku: z.string().optional(),
          shelf: z.string().optional(),
          price: strict ? z.number().max(95).optional() : z.number().optional(),
          low: z.number().optional(),
          tags: z.array(z.string()).optional(),
          note: z.string().optional(),
          quantity: z.number().optional(),
        }),
        counters: { quantity: { minimum: 0 } },
        fieldPolicies: { price: 'max', low: 'min', tags: 'union' },
        unique: ['sku'],
        parents: { shelf: 'shelves' },
      },
      shelves: {
        kind: 'request',
        fields: z.object({ label: z.string(), room: z.string().optional() }),
        policy: 'newest',
      },
      notes: {
        kind: 'request',
        fields: z.object({ text: z.string(), colour: z.string().optional() }),
        policy: 'ask',
      },
      rates: {
        kind: 'request',
        fields: z.object({ value: z.number(), unit: z.string().optional() }),
        policy: 'server',
      },
      drafts: {
        kind: 'request',
        fields: z.object({ text: z.string(), mood: z.string().optional() }),
        policy: 'client',
      },
      flags: {
        kind: 'request',
        fields: z.object({ state: z.string(), by: z.string().optional() }),
        policy: ({ server, device }) =>
          String(server.state) < String(device.state) ? { set: { state: device.state } } : 'server',
      },
      bookings: {
        kind: 'request',
        fields: z.object({ room: z.string(), slot: z.number(), guest: z.string() }),
        unique: [['room', 'slot']],
        priority: 8,
      },
      sales: {
        kind: 'fact',
        fields: z.object({ item: z.string(), amount: z.number(), receipt: z.string().optional() }),
        parents: { item: 'items' },
        unique: ['receipt'],
        priority: 9,
      },
    },
  });

export const deviceSchema = build(false);
export const serverSchema = build(true);
export type Business = typeof deviceSchema;
