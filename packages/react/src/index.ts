// The public face of the React hooks.

export { createHooks, type ReplicaHooks } from './create-hooks.ts';
