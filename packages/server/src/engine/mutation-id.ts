// Ids of mutations that are made at the server.

import { type Random, uuidOf } from '@holdfast/core';

/** A random UUID of version 8 for a mutation of the server's own: nothing reads a time out of it. */
export function newMutationId(random: Random): string {
  return uuidOf(Buffer.from(random.bytes(16)).toString('hex'));
}
