// Points of sale: orders and transactions, told by version and hash.

import { defineSchema } from '@holdfast/core';
import { z } from 'zod';
import { type Preset, port, store } from './preset.ts';

export const pos: Preset = {
  about: 'points of sale, batches with version and hash',
  config: {
    schema: defineSchema({
      version: 1,
      collections: {
        orders: {
          kind: 'request',
          fields: z.looseObject({ orderNumber: z.unknown().optional() }),
          policy: 'server',
          unique: ['orderNumber'],
        },
        transactions: {
          kind: 'request',
          fields: z.looseObject({ referenceNumber: z.unknown().optional() }),
          policy: 'server',
          unique: ['referenceNumber'],
        },
      },
    }),
    port: 8080,
    protocols: { pos: '' },
    host: '0.0.0.0',
    discovery: true,
  },
  variables: { SERVER_PORT: port, DATABASE_URL: store },
};
