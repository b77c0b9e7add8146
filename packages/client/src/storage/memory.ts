// A storage in memory: for tests, and for devices that may forget. No timers, no randomness: the same calls give the same answers
// in the same order.
//
// Values are kept as JSON text, as SQLite keeps them: a value that a caller changes later must not change in here. A million
// entries are a million pairs of strings and hardly anything else.

import { type Keeping, MemoryDriver } from './memory-driver.ts';
import type { Storage } from './port.ts';
import { createSyncStorage } from './sync-storage.ts';

export function createMemoryStorage(): Storage {
  return createSyncStorage(new MemoryDriver(asText));
}

const asText: Keeping<string> = {
  keep: ({ value }) => JSON.stringify(value),
  valueOf: (text) => JSON.parse(text),
  entryOf: (text, readKey) => ({ key: readKey(), value: JSON.parse(text) }),
};
