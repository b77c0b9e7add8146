// What pos answers. These shapes are the contract; they describe the routes, and tests hold answers against them.

import { z } from 'zod';

export const conflictTypes = [
  'DELETED_ITEM',
  'DUPLICATE_NUMBER',
  'HASH_MISMATCH',
  'CONCURRENT_MODIFICATION',
  'VERSION_MISMATCH',
] as const;

export const conflictMessage = z.object({
  type: z.enum(conflictTypes),
  localId: z.string(),
  clientVersion: z.int(),
  serverVersion: z.int(),
  /** The order or transaction as the server has it; empty when it is deleted. */
  serverData: z.looseObject({}),
  /** Of the record that this is: another one's for DUPLICATE_NUMBER. */
  serverLocalId: z.string(),
  serverId: z.int(),
  serverHash: z.string(),
});

export const syncedMessage = z.object({
  success: z.literal(true),
  localId: z.string(),
  serverId: z.int(),
  syncVersion: z.int(),
  serverHash: z.string(),
  syncedAt: z.int(),
});

export const failedMessage = z.object({
  success: z.literal(false),
  localId: z.string(),
  message: z.string(),
  conflicts: z.array(conflictMessage),
});

export const resultMessage = z.union([syncedMessage, failedMessage]);

const envelope = {
  localId: z.string(),
  syncStatus: z.literal('SYNCED'),
  syncVersion: z.int(),
  deviceId: z.string(),
  serverId: z.int(),
  serverHash: z.string(),
};

const updates = {
  orders: z.array(z.object({ order: z.looseObject({}), ...envelope })),
  transactions: z.array(z.object({ transaction: z.looseObject({}), ...envelope })),
  deletedOrderIds: z.array(z.string()),
  deletedTransactionIds: z.array(z.string()),
};

export const batchAnswer = z.object({
  success: z.literal(true),
  syncedOrders: z.array(resultMessage),
  syncedTransactions: z.array(resultMessage),
  serverUpdates: z.object(updates),
  nextSyncToken: z.string(),
  hasMore: z.boolean(),
});

export const updatesAnswer = z.object({ ...updates, nextSyncToken: z.string(), hasMore: z.boolean() });

export const statsAnswer = z.object({
  pendingOrders: z.int(),
  syncedOrders: z.int(),
  failedOrders: z.int(),
  pendingTransactions: z.int(),
  syncedTransactions: z.int(),
  failedTransactions: z.int(),
  lastSyncTimestamp: z.int(),
});

export const errorAnswer = z.object({ success: z.literal(false), message: z.string() });

export type ConflictType = (typeof conflictTypes)[number];
export type Result = z.infer<typeof resultMessage>;
export type Updates = z.infer<z.ZodObject<typeof updates>>;
export type Stats = z.infer<typeof statsAnswer>;
