// The shapes of hims on the wire. Requests are read by these; answers have their types, and the API's description is made of both.

import { z } from 'zod';

/** The protocol's own constants, which its clients show. */
export const serverName = 'HIMS Master Server';
export const wireVersion = '1.0.0';

const idCharsMax = 200;
// Names are shown on terminals.
const name = z
  .string()
  .max(idCharsMax)
  .refine((text) => text.isWellFormed() && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text), 'no control characters');
const deviceId = name.min(1);

export const registerMessage = z.object({
  uuid: deviceId,
  name: deviceId,
  role: deviceId.nullish(),
});

export const pullMessage = z.object({
  deviceUuid: deviceId,
  /** Left out: all. */
  tables: z.array(z.string()).nullish(),
  /** Left out: from the beginning. */
  since: z.string().nullish(),
});

/** The records are judged one by one: a bad one does not stop the others. */
export const pushMessage = z.object({
  deviceUuid: deviceId,
  data: z.record(z.string(), z.array(z.unknown())),
});

export const resolutions = ['keep_device', 'use_server', 'manual_merge'] as const;
export type WireResolution = (typeof resolutions)[number];

export const resolveMessage = z.object({
  resolution: z.enum(resolutions),
  resolvedBy: name.nullish(),
  mergedData: z.record(z.string(), z.unknown()).nullish(),
});

const time = z.string().describe('ISO 8601, UTC');
const record = z.record(z.string(), z.unknown());
const done = z.literal(true);

export const errorAnswer = z.object({ success: z.literal(false), message: z.string() });

export const pingAnswer = z.object({
  success: done,
  message: z.string(),
  serverIP: z.string(),
  timestamp: time,
  version: z.string(),
});

export const infoAnswer = z.object({
  success: done,
  data: z.object({
    name: z.string(),
    version: z.string(),
    serverIP: z.string(),
    port: z.number(),
    activeDevices: z.number(),
    uptime: z.number(),
    timestamp: time,
  }),
});

export const registeredAnswer = z.object({
  success: done,
  message: z.string(),
  data: z.object({
    uuid: z.string(),
    name: z.string(),
    ipAddress: z.string(),
    registered: z.literal(true),
  }),
});

const device = z.object({
  uuid: z.string(),
  name: z.string(),
  ip_address: z.string(),
  role: z.string(),
  last_seen: time,
  is_active: z.union([z.literal(0), z.literal(1)]),
});
export type WireDevice = z.infer<typeof device>;

export const devicesAnswer = z.object({ success: done, message: z.string(), data: z.array(device) });
export const deviceAnswer = z.object({ success: done, data: device });

export const pullAnswer = z.object({
  success: done,
  data: z.record(z.string(), z.array(record)),
  totalRecords: z.number(),
  timestamp: time,
  hasMore: z.literal(true).optional(),
});

const pushConflict = z.object({
  table: z.string(),
  uuid: z.string(),
  deviceTimestamp: time,
  serverTimestamp: time,
  message: z.string(),
  recommendation: z.enum(resolutions),
  /** By which it is resolved. */
  conflictId: z.number().optional(),
  devicePayload: record,
  serverPayload: record,
});
export type PushConflict = z.infer<typeof pushConflict>;

const pushError = z.object({ table: z.string(), uuid: z.string(), message: z.string() });
export type PushError = z.infer<typeof pushError>;

export const pushAnswer = z.object({
  success: done,
  processed: z.object({
    inserted: z.number(),
    updated: z.number(),
    conflicts: z.number(),
    errors: z.number(),
  }),
  conflicts: z.array(pushConflict),
  errors: z.array(pushError),
  timestamp: time,
});
export type PushAnswer = z.infer<typeof pushAnswer>;

const conflict = z.object({
  id: z.number(),
  table_name: z.string(),
  record_uuid: z.string(),
  device_uuid: z.string(),
  device_timestamp: time,
  server_timestamp: time,
  /** JSON. */
  device_payload: z.string(),
  server_payload: z.string(),
  resolution: z.enum(resolutions).nullable(),
  created_at: time,
  resolved_at: time.nullable(),
  resolved_by: z.string().nullable(),
});
export type WireConflict = z.infer<typeof conflict>;

export const conflictsAnswer = z.object({
  success: done,
  message: z.string(),
  data: z.array(conflict),
  /** There are more: ask again with `after`, the last id. */
  hasMore: z.literal(true).optional(),
});
export const resolvedAnswer = z.object({ success: done, message: z.string(), data: conflict });

export const statsAnswer = z.object({
  success: done,
  data: z.object({
    sync: z.object({ total_syncs: z.number(), successful_syncs: z.number(), failed_syncs: z.number() }),
    conflicts: z.object({ total_conflicts: z.number(), unresolved: z.number(), resolved: z.number() }),
    devices: z.number(),
  }),
});
