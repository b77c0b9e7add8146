// Who may go by a replica's id.

import type { ReplicaState } from './stored.ts';

/** Why a device may not go by this id, as a sentence; undefined: it may. Whoever may not takes a new one. */
export function whyNotReplica({ device: owner, renewed }: ReplicaState, device: string): string | undefined {
  if (owner !== device) return 'This replica belongs to another device.';
  return renewed
    ? 'This replica has taken another id since: its database is a copy, or an older one.'
    : undefined;
}
