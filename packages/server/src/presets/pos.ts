// Points of sale: orders and transactions, told by version and hash.

import { defineSchema } from '@holdfast/core';
import { z } from 'zod';
import type { RecordView } from '../store/sql-views.ts';
import { largeBodies, type Preset, port, store } from './preset.ts';

// Clients decide what stands in an order; a number may be text.
const number = z.unknown().optional();

/** What stands under `pos:` beside a record's own fields is the protocol's (protocols/pos/translate.ts). */
const columns = {
  id: 'number',
  local_id: 'id',
  device_id: { first: [{ field: 'pos:deviceId' }, 'device'] },
  sync_version: 'declaredVersion',
  server_hash: { first: [{ field: 'pos:hash' }, 'bodyHash'] },
  created_at: { iso: 'createdAt' },
} as const satisfies RecordView['columns'];

export const pos: Preset = {
  about: 'points of sale, batches with version and hash',
  config: {
    schema: defineSchema({
      version: 1,
      collections: {
        orders: {
          kind: 'request',
          fields: z.looseObject({ orderNumber: number }),
          policy: 'server',
          unique: ['orderNumber'],
        },
        transactions: {
          kind: 'request',
          fields: z.looseObject({ referenceNumber: number }),
          policy: 'server',
          unique: ['referenceNumber'],
        },
      },
    }),
    port: 8080,
    protocols: { pos: '' },
    host: '0.0.0.0',
    discovery: true,
    limits: largeBodies,
    views: [
      {
        name: 'sync_orders',
        collection: 'orders',
        columns: {
          ...columns,
          order_number: { field: 'orderNumber' },
          total: { field: 'total' },
          updated_at: { iso: 'madeAt' },
        },
      },
      {
        name: 'transactions',
        collection: 'transactions',
        columns: {
          ...columns,
          reference_number: { field: 'referenceNumber' },
          amount: { field: 'amount' },
        },
      },
    ],
  },
  variables: { SERVER_PORT: port, DATABASE_URL: store },
};
