// What terminal answers. These shapes are the contract; they describe the routes, and tests hold answers against them.

import { z } from 'zod';
import { operations, strategies } from './wire.ts';

const done = z.literal(true);
const time = z.string().describe('ISO 8601, UTC');
const data = z.looseObject({});
const count = z.int();

export const errorAnswer = z.object({ success: z.literal(false), error: z.string() });

export const resultMessage = z.object({
  entityType: z.string(),
  entityId: z.string(),
  status: z.enum(['SYNCED', 'CONFLICT', 'FAILED']),
  /** Of the record as it stood after the change. */
  syncVersion: z.number(),
  conflictId: z.string().optional(),
  /** What stands now, where a conflict was met; null: the record is deleted. */
  data: data.nullable().optional(),
  error: z.string().optional(),
});
export type Result = z.infer<typeof resultMessage>;

export const pushAnswer = z.object({
  success: done,
  results: z.array(resultMessage),
  synced: count,
  conflicts: count,
  failed: count,
  timestamp: time,
});

export const pulledChange = z.object({
  entityType: z.string(),
  entityId: z.string(),
  operation: z.enum(operations),
  /** Not of a DELETE. */
  data: data.optional(),
  syncVersion: count,
  updatedAt: time,
});
export type PulledChange = z.infer<typeof pulledChange>;

export const pullAnswer = z.object({
  success: done,
  changes: z.array(pulledChange),
  hasMore: z.boolean(),
  lastSync: time,
});

export const resolveAnswer = z.object({
  success: done,
  conflictId: z.string(),
  resolution: z.enum(strategies),
  /** Null: the record is deleted. */
  data: data.nullable(),
  syncVersion: count,
});

export const heartbeatAnswer = z.object({
  success: done,
  terminalId: z.string(),
  status: z.string(),
  serverTime: time,
});

export const allAnswer = z.object({
  success: done,
  triggered: z.array(z.string()),
  unreachable: z.array(z.string()),
  timestamp: time,
});

const counts = z.object({ pending: count, failed: count, synced: count, conflicts: count });
export type Counts = z.infer<typeof counts>;

const statusOf = {
  tables: z.record(z.string(), counts),
  totals: counts,
  summary: z.object({
    totalTables: count,
    tablesWithPending: count,
    tablesWithFailed: count,
    tablesWithSynced: count,
    tablesWithConflicts: count,
  }),
};

export const statusAnswer = z.object({
  terminalId: z.string(),
  status: z.string(),
  lastSeen: time.nullable(),
  ...statusOf,
});
export type Status = z.infer<typeof statusAnswer>;

export const allStatusAnswer = z.object({
  ...statusOf,
  terminals: z.array(
    z.object({ terminalId: z.string(), status: z.string(), lastSeen: time.nullable(), totals: counts }),
  ),
});
export type AllStatus = z.infer<typeof allStatusAnswer>;
