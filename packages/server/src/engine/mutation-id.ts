// Ids of mutations that are made at the server.

import type { Random } from '@holdfast/core';

/** A random UUID of version 8 for a mutation of the server's own: nothing reads a time out of it. */
export function newMutationId(random: Random): string {
  const bytes = random.bytes(16);
  const hex = [...bytes].map((byte, place) => {
    const set = place === 6 ? (byte & 0x0f) | 0x80 : place === 8 ? (byte & 0x3f) | 0x80 : byte;
    return set.toString(16).padStart(2, '0');
  });
  return [hex.slice(0, 4), hex.slice(4, 6), hex.slice(6, 8), hex.slice(8, 10), hex.slice(10)]
    .map((part) => part.join(''))
    .join('-');
}
