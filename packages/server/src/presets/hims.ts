// Hotel inventory: one master PC on a local network, and the clients that find it there.

import { defineSchema } from '@holdfast/core';
import { z } from 'zod';
import { himsViews } from './hims-views.ts';
import { beaconPort, largeBodies, logLevel, type Preset, port, protocolNumber } from './preset.ts';

// Clients decide what else stands in a record.
const fields = z.looseObject({});
const masterData = { kind: 'request', fields, policy: 'ask' } as const;
const transactions = { kind: 'request', fields, policy: 'newest' } as const;
const ofTheServer = { kind: 'request', fields, policy: 'server' } as const;

export const hims: Preset = {
  about: 'hotel inventory, one master PC on the local network',
  config: {
    schema: defineSchema({
      version: 1,
      collections: {
        stock_items: masterData,
        suppliers: masterData,
        purchases: transactions,
        purchase_items: transactions,
        issues: transactions,
        issue_items: transactions,
        settings: ofTheServer,
        users: ofTheServer,
      },
    }),
    port: 5000,
    host: '0.0.0.0',
    database: 'hims_master.db',
    protocols: { hims: '' },
    logFiles: true,
    limits: largeBodies,
    views: himsViews,
    discovery: { name: 'HIMS Master Server', version: '1.0.0', beaconPort: 9999 },
  },
  variables: {
    PORT: port,
    DISCOVERY_PORT: beaconPort,
    MAX_SYNC_RECORDS: protocolNumber('hims', 'maxSyncRecords', { min: 1, max: 5_000 }),
    LOG_LEVEL: logLevel,
  },
};
