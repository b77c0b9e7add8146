// The schema that the crash tests serve: counters without a minimum, and marks that are only ever put.

import { defineSchema } from '@holdfast/core';
import { z } from 'zod';
import { defineConfig } from '../config.ts';

export const schema = defineSchema({
  version: 1,
  collections: {
    totals: { kind: 'request', fields: z.object({ sum: z.number().optional() }), counters: { sum: {} } },
    marks: { kind: 'fact', fields: z.object({ worker: z.number(), n: z.number(), amount: z.number() }) },
  },
});

export default defineConfig({ auth: 'none', schema });
