// The device's id where nobody gives it one: made once, and kept with the replica.

import type { Random } from '@holdfast/core';
import { randomId } from './renewal.ts';
import type { Storage } from './storage/port.ts';

/** A server that knows devices by enrolling wants the id that it gave: this one is for servers without credentials, and for keys that were issued to no device. */
export function keptDevice(storage: Storage, random: Random): Promise<string> {
  return storage.transaction('durable', async (tx) => {
    const kept = await tx.get('meta', ['device']);
    if (typeof kept === 'string') return kept;
    const made = randomId(random);
    await tx.put('meta', ['device'], made);
    return made;
  });
}
