// The business that is simulated: one collection for each policy and kind, with counters, unique values and parents, in two
// versions. The devices' schema takes a little more than the server's, so that some of what they write is invalid there.

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
  ['papers', new Map([['item', 'items']])],
]);
/** An application of the older version knows nothing of these, also when it finds them on a storage that it was given. */
export const newerCollections: ReadonlySet<string> = new Set(['papers']);
export const factCollections: ReadonlySet<string> = new Set(['sales']);
export const counterFields: ReadonlySet<string> = new Set(['balance', 'quantity', 'units']);

const itemFields = (strict: boolean) => ({
  name: z.string(),
  sku: z.string().optional(),
  shelf: z.string().optional(),
  price: strict ? z.number().max(95).optional() : z.number().optional(),
  low: z.number().optional(),
  tags: z.array(z.string()).optional(),
  note: z.string().optional(),
  quantity: z.number().optional(),
});

const itemRules = {
  kind: 'request',
  counters: { quantity: { minimum: 0 } },
  fieldPolicies: { price: 'max', low: 'min', tags: 'union' },
  unique: ['sku'],
  parents: { shelf: 'shelves' },
} as const;

/** The same in both versions. */
const common = (strict: boolean) =>
  ({
    // Money: only moved, never made. `add` alone changes a balance, and accounts are never deleted.
    accounts: {
      kind: 'request',
      fields: z.object({ owner: strict ? z.string().max(40) : z.string(), balance: z.number() }),
      counters: { balance: {} },
    },
    meters: {
      kind: 'request',
      fields: z.object({ units: z.number() }),
      counters: { units: {} },
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
      policy: ({ server, device }: { server: { state?: unknown }; device: { state?: unknown } }) =>
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
  }) as const;

/** Added by version 2: a field, and a collection of papers that hold anything. */
const second = (strict: boolean) =>
  ({
    ...common(strict),
    items: {
      ...itemRules,
      fields: z.object({ ...itemFields(strict), colour: z.string().optional() }),
    },
    papers: {
      kind: 'request',
      fields: z.object({
        text: z.string().optional(),
        item: z.string().optional(),
        content: z.unknown().optional(),
      }),
      parents: { item: 'items' },
      priority: 7,
    },
  }) as const;

const first = (strict: boolean) =>
  ({ ...common(strict), items: { ...itemRules, fields: z.object(itemFields(strict)) } }) as const;

/** The server has never heard of it. */
const secrets = { kind: 'request', fields: z.object({ word: z.string() }) } as const;

const serverFirst = defineSchema({ version: 1, collections: first(true) });
const deviceFirst = defineSchema({ version: 1, collections: { ...first(false), secrets } });
const deviceSecond = defineSchema({ version: 2, collections: { ...second(false), secrets } });

export type SchemaVersion = 1 | 2;
export type Business = typeof deviceSecond;

/** A device knows one version; its application asks before it uses what the other does not have. */
export const deviceSchemas: Readonly<Record<SchemaVersion, Business>> = {
  1: deviceFirst as unknown as Business,
  2: deviceSecond,
};
/** A server of version 2 still reads what was written under version 1. */
export const serverSchemas = {
  1: serverFirst,
  2: defineSchema({ version: 2, collections: second(true), former: [serverFirst] }),
} as const;
