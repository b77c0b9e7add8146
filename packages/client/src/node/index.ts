// The public face of the replica on Node.

export { nodeAsyncVariable } from './async-variable.ts';
export { nodeClock, nodeRandom, nodeTimer } from './clock.ts';
export { type OpenOptions, openReplica } from './open.ts';
export { openSqliteStorage } from './sqlite.ts';
