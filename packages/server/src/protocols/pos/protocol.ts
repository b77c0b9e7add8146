// pos: point of sale, in batches, with a version and a hash for each record.

import { z } from 'zod';
import { defineProtocol } from '../mount.ts';
import { posRoutes } from './routes.ts';
import { kinds } from './wire.ts';

export const pos = defineProtocol({
  options: z.strictObject({}),
  collections: kinds,
  fields: { id: 'localId', time: 'createdAt' },
  counters: false,
  origins: 'near',
  gzip: true,
  create: (deps) => ({
    routes: posRoutes(deps),
    errorBody: ({ status, message, field }) => ({
      success: false,
      message: status === 400 && field && !message.includes(field) ? `${field}: ${message}` : message,
    }),
  }),
});
