// hims: hotel inventory, one master on the LAN. README.md is the contract.

import { z } from 'zod';
import { defineProtocol, type MountError } from '../mount.ts';
import { himsRoutes } from './routes.ts';

export const hims = defineProtocol({
  options: z.strictObject({
    /** Records of one request, pushed or pulled. */
    maxSyncRecords: z.number().int().min(1).max(5_000).default(200),
  }),
  collections: null,
  fields: { id: 'uuid', time: 'last_modified' },
  counters: false,
  origins: 'any',
  gzip: true,
  create: (deps) => ({ routes: himsRoutes(deps), errorBody }),
});

function errorBody({ message, field, code }: MountError): unknown {
  const named = field === undefined || field === '' || message.includes(field);
  return { success: false, message: named ? message : `${field}: ${message}`, code };
}
