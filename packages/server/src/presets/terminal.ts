// Shop terminals and their central server: what comes first has a priority, and each type its own way of settling conflicts.

import { defineSchema } from '@holdfast/core';
import { z } from 'zod';
import type { RecordView, SqlView } from '../store/sql-views.ts';
import {
  choice,
  flag,
  key,
  largeBodies,
  milliseconds,
  type Preset,
  port,
  protocolOption,
  store,
} from './preset.ts';

// Terminals decide what else stands in a record.
const anything = z.unknown().optional();
const fields = z.looseObject({});

const schema = defineSchema({
  version: 1,
  collections: {
    SaleOrder: {
      kind: 'request',
      fields: z.looseObject({ status: anything }),
      policy: 'client',
      priority: ({ status }) => (status === 'completed' ? 10 : 8),
    },
    Payment: { kind: 'request', fields, policy: 'client', priority: 10 },
    // No terminal sells what the centre says is gone.
    InventoryItem: { kind: 'request', fields, policy: 'server', priority: 8 },
    Customer: {
      kind: 'request',
      fields: z.looseObject({ loyaltyPoints: z.number().optional(), totalSpent: z.number().optional() }),
      policy: 'merge',
      counters: { loyaltyPoints: {}, totalSpent: {} },
      priority: 6,
    },
    Product: {
      kind: 'request',
      fields: z.looseObject({ price: anything, costPrice: anything }),
      policy: 'merge',
      fieldPolicies: { price: 'server', costPrice: 'server' },
      priority: 5,
    },
    Category: { kind: 'request', fields, policy: 'server', priority: 3 },
    Brand: { kind: 'request', fields, policy: 'server', priority: 3 },
  },
  // Whatever else terminals name goes by CONFLICT_STRATEGY.
  named: { kind: 'request', priority: 1 },
});

function table(name: string): RecordView {
  const columns = {
    id: 'id',
    edits: 'edits',
    terminal_id: 'device',
    created_at: { iso: 'createdAt' },
    updated_at: { iso: 'madeAt' },
    data: 'body',
  } as const;
  return { name, collection: name, columns, fields: 'unnamed' };
}

const views: readonly SqlView[] = [
  ...[...schema.collections.keys()].map(table),
  {
    name: 'sync_conflicts',
    table: 'conflicts',
    columns: {
      id: 'id',
      entity_type: 'collection',
      entity_id: 'record',
      terminal_id: 'device',
      state: 'state',
      strategy: {
        renamed: 'policy',
        as: { client: 'TERMINAL_WINS', server: 'CENTRAL_WINS', ask: 'MANUAL_MERGE', merge: 'MERGE' },
      },
      terminal_data: 'deviceBody',
      central_data: 'serverBody',
      resolution: {
        renamed: 'resolution',
        as: {
          server: 'CENTRAL_WINS',
          device: 'TERMINAL_WINS',
          value: 'MANUAL_MERGE',
          merge: 'MERGED',
          undo: 'UNDONE',
        },
      },
      created_at: { iso: 'at' },
      resolved_at: { iso: 'resolvedAt' },
    },
  },
  {
    name: 'sync_history',
    table: 'syncs',
    columns: { id: 'place', terminal_id: 'device', kind: 'kind', details: 'facts', at: { iso: 'at' } },
  },
];

const option = (name: string) => protocolOption('terminal', name);

export const terminal: Preset = {
  about: 'shop terminals to a central server, with priorities and triggers',
  config: {
    schema,
    port: 4000,
    host: '0.0.0.0',
    auth: 'keys-if-any',
    protocols: { terminal: '' },
    discovery: true,
    limits: largeBodies,
    views,
  },
  variables: {
    PORT: port,
    CENTRAL_API_KEY: key,
    POSTGRES_URL_REMOTE: store,
    CONFLICT_STRATEGY: option('conflictStrategy')(choice(['TERMINAL_WINS', 'CENTRAL_WINS', 'MANUAL_MERGE'])),
    HEARTBEAT_INTERVAL: option('heartbeatMs')(milliseconds),
    AUTO_SYNC_ON_RESTART: option('autoSyncOnRestart')(flag),
    SOCKET_AUTH: option('socketAuth')(choice(['required', 'optional'])),
  },
};
