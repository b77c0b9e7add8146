// A server with every protocol mounted, for the cases that go wrong in the field.

import { defineSchema } from '@holdfast/core';
import { z } from 'zod';
import { defineConfig } from '../config.ts';

/** How many records one request of hims holds in these tests. */
export const himsRecordsMax = 7;

const schema = defineSchema({
  version: 1,
  collections: {
    purchases: { kind: 'request', fields: z.looseObject({ name: z.string().optional() }) },
    orders: {
      kind: 'request',
      fields: z.looseObject({ orderNumber: z.string().optional() }),
      unique: ['orderNumber'],
    },
    transactions: {
      kind: 'request',
      fields: z.looseObject({ referenceNumber: z.string().optional() }),
      unique: ['referenceNumber'],
    },
    appointments: { kind: 'request', fields: z.looseObject({}) },
    customers: { kind: 'request', fields: z.looseObject({}) },
    Product: { kind: 'request', fields: z.looseObject({}), policy: 'newest' },
  },
});

export default defineConfig({
  schema,
  protocols: {
    hims: { prefix: '/hims', options: { maxSyncRecords: himsRecordsMax } },
    documents: '/documents',
    pos: '/pos',
    crm: '/crm',
    terminal: '/terminal',
  },
});
