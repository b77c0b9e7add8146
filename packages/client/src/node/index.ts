// The public face of the replica on Node.

export type { QuarantineItem } from '../quarantine.ts';
export type { ScopeStatus, SyncResult } from '../status.ts';
export { nodeAsyncVariable } from './async-variable.ts';
export { nodeClock, nodeRandom, nodeTimer } from './clock.ts';
export { type DiscoverOptions, discover } from './discover.ts';
export type { FoundServer } from './found-server.ts';
export { type OpenOptions, openReplica } from './open.ts';
export { openSqliteStorage } from './sqlite.ts';
