// The shapes of crm on the wire. Requests are read by these; answers have their types, and the API's description is made of both.

import type { RecordPolicyName } from '@holdfast/core';
import { z } from 'zod';

export const strategies = ['server_wins', 'client_wins', 'newest_wins', 'merge'] as const;
export type Strategy = (typeof strategies)[number];

/** Each strategy is a policy of the engine. */
export const policies = {
  server_wins: 'server',
  client_wins: 'client',
  newest_wins: 'newest',
  merge: 'merge',
} as const satisfies Record<Strategy, RecordPolicyName>;

/** Records of one push, and of one page. */
export const recordsMax = 1_000;

/** The last moment that a date can name. */
const timeMsMax = 8_640_000_000_000_000;

export const optionsShape = z.strictObject({
  /** For requests that name none. */
  strategy: z.enum(strategies).default('newest_wins'),
  /** Changes whose times differ by no more are merged, and nobody is told of a conflict. */
  toleranceMs: z.number().int().min(0).max(86_400_000).default(1_000),
});
export type CrmOptions = z.output<typeof optionsShape>;

const idCharsMax = 200;
const deviceId = z.string('It is missing.').min(1, 'It is missing.').max(idCharsMax);
const time = z.union(
  [z.string(), z.number().int().min(0).max(timeMsMax)],
  'A time is ISO 8601, such as 2026-01-31T12:00:00.000Z.',
);
/** Left out, null or empty: from the beginning. */
const lastSyncTimestamp = time.nullish();
/** The records are judged one by one: a bad one does not stop the others. */
const changes = z.record(
  z.string(),
  z.array(z.unknown(), 'It is a list of records.').nullish(),
  'It is an object: entity → its records.',
);
const strategy = z.enum(strategies).nullish();

export const loginMessage = z.object({
  username: z.string('It is missing.').min(1, 'It is missing.'),
  password: z.string('It is missing.').min(1, 'It is missing.'),
});

export const pullMessage = z.object({ deviceId, lastSyncTimestamp });
export const pushMessage = z.object({ deviceId, changes, strategy, lastSyncTimestamp });
/** One that has nothing to push leaves `changes` out. */
export const fullMessage = z.object({ deviceId, changes: changes.nullish(), strategy, lastSyncTimestamp });

export const resolutions = ['server_wins', 'client_wins', 'merge'] as const;
const resolution = z.enum(resolutions);
const number = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER).nullish();

export const resolveMessage = z.object({
  deviceId,
  entityType: z.string('It is missing.'),
  conflictId: number,
  uniqueId: z.string().max(idCharsMax).nullish(),
  entityId: number,
  resolution,
  /** The fields that a merge writes. */
  resolvedData: z.record(z.string(), z.unknown()).nullish(),
});

/** Params of a path, which may hold what no JSON text may. */
export const statusParams = z.object({
  deviceId: deviceId.refine((text) => text.isWellFormed() && !text.includes('\0'), 'It is no text.'),
});

const done = z.literal(true);
const iso = z.string().describe('ISO 8601, UTC');
const record = z.record(z.string(), z.unknown());

export const errorAnswer = z.object({
  success: z.literal(false),
  error: z.string(),
  details: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});

export const loginAnswer = z.object({
  success: done,
  token: z.string(),
  /** Seconds. */
  expiresIn: z.number(),
  user: z.object({ id: z.number(), username: z.string(), role: z.string() }),
});

const appliedMessage = z.object({
  entityType: z.string(),
  entityId: z.number(),
  action: z.enum(['CREATE', 'UPDATE', 'DELETE']),
  uniqueId: z.string(),
});
export type Applied = z.infer<typeof appliedMessage>;

const conflictMessage = z.object({
  entityType: z.string(),
  entityId: z.number(),
  uniqueId: z.string(),
  resolution: z.enum(strategies),
  winner: z.enum(['server', 'client', 'merged']),
  /** As the two stood when they met. */
  serverVersion: record,
  clientVersion: record,
  conflictId: z.number(),
});
export type Conflict = z.infer<typeof conflictMessage>;

const errorMessage = z.object({ entityType: z.string(), uniqueId: z.string(), error: z.string() });
export type RecordError = z.infer<typeof errorMessage>;

export const pushAnswer = z.object({
  success: done,
  applied: z.array(appliedMessage),
  conflicts: z.array(conflictMessage),
  errors: z.array(errorMessage),
});
export type PushAnswer = z.infer<typeof pushAnswer>;

export const pullAnswer = z.object({
  success: done,
  changes: z.record(z.string(), z.array(record)),
  timestamp: iso,
  conflicts: z.array(z.never()),
  deviceId: z.string(),
  hasMore: z.boolean(),
});
export type PullAnswer = z.infer<typeof pullAnswer>;

export const fullAnswer = z.object({ success: done, push: pushAnswer, pull: pullAnswer, timestamp: iso });

export const resolvedAnswer = z.object({
  success: done,
  entityType: z.string(),
  entityId: z.number(),
  resolution,
  /** The record as it now stands. */
  data: record,
});

export const syncKinds = ['push', 'pull', 'full', 'resolve'] as const;
export type SyncKind = (typeof syncKinds)[number];

const syncMessage = z.object({
  startedAt: iso,
  finishedAt: iso,
  kind: z.string(),
  pushed: z.number(),
  pulled: z.number(),
  conflicts: z.number(),
  errors: z.number(),
});
export type Sync = z.infer<typeof syncMessage>;

export const statusAnswer = z.object({
  success: done,
  deviceId: z.string(),
  lastSync: iso.nullable(),
  pendingChanges: z.number(),
  conflicts: z.number(),
  totals: z.record(z.string(), z.number()),
  /** The newest first. */
  history: z.array(syncMessage),
});
