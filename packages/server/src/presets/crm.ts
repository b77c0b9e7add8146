// Customers with their orders, payments and projects, for clients that log in.

import { defineSchema } from '@holdfast/core';
import { z } from 'zod';
import { crmViews } from './crm-views.ts';
import { largeBodies, type Preset } from './preset.ts';

// Clients decide what stands in a record.
const fields = z.looseObject({});
const entity = { kind: 'request', fields, policy: 'newest' } as const;

export const crm: Preset = {
  about: 'customers, orders, payments and projects, for browsers with a login',
  config: {
    schema: defineSchema({
      version: 1,
      collections: { customers: entity, orders: entity, payments: entity, projects: entity },
    }),
    protocols: { crm: '' },
    port: 5001,
    host: '0.0.0.0',
    auth: 'jwt',
    firstAdmin: 'admin',
    discovery: true,
    limits: largeBodies,
    views: crmViews,
  },
  variables: {},
};
