// The public face of the replica: what an application imports, on every platform. Node's part is `@holdfast/client/node`.

export type {
  AmountsOf,
  CounterName,
  ListOptions,
  LiveCollection,
  PatchOf,
  RecordCollection,
} from './collection.ts';
export type { ConflictItem, ConflictQuery } from './conflict-list.ts';
export type { ConflictAnswer } from './decisions.ts';
export { keptDevice } from './device.ts';
export type { Discard } from './discards.ts';
export { ReplicaError, type ReplicaErrorCode, replicaErrors } from './errors.ts';
export type { AsyncVariable } from './inside.ts';
export type { Listener, Subscribable, SubscribeOptions } from './live.ts';
export type { LogFacts, Logger } from './log-lines.ts';
export type { MutateOptions } from './mutate.ts';
export type { ReplicaOptions } from './options.ts';
export type { EntryState, OutboxEntry } from './outbox.ts';
export type { QuarantineItem } from './quarantine.ts';
export type { Query } from './query.ts';
export type { Blocked } from './refusal.ts';
export {
  createReplica,
  type Replica,
  type ReplicaSyncResult,
} from './replica.ts';
export type { SyncOptions } from './runner.ts';
export type {
  ConflictsFace,
  ListCall,
  MutationScope,
  OutboxFace,
  QuarantineFace,
  ReplicaScope,
} from './scope.ts';
export type { CollectionStatistics, ScopeStatistics } from './statistics.ts';
export type { ReplicaStatus, ScopeStatus, SyncResult, SyncState } from './status.ts';
export type { StatusCall } from './statuses.ts';
export { createMemoryStorage } from './storage/memory.ts';
export type {
  Storage,
  StorageEntry,
  StorageErrorCode,
  StorageKey,
  StorageScan,
  StorageTable,
  StorageTransaction,
} from './storage/port.ts';
export { StorageError, storageTables } from './storage/port.ts';
export type { PastSync } from './sync-log.ts';
export { createHttpTransport, type HttpOptions } from './transport/http.ts';
export {
  createLoopbackTransport,
  type LoopbackAnswer,
  type LoopbackHandler,
  type LoopbackOptions,
} from './transport/loopback.ts';
export type { AnswerHead, Following, LiveWord, Transport, TransportReply } from './transport/port.ts';
export type { OpenSocket, Socket, SocketHandlers } from './transport/socket.ts';
export { createWebSocketTransport, type WebSocketOptions } from './transport/websocket.ts';
export type { WatchedCall } from './watched-call.ts';
