// JSON values as a disk keeps them: copies that nobody can change, so that they need not be copied again when they are read.

import type { Json, JsonObject } from '@holdfast/core';

/**
 * The value as it will always be. Parts that were kept before are shared: what is read off a disk and put back changed, such as an
 * outbox entry with another state, costs what changed.
 */
export function keptOf(value: Json): Json {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (Array.isArray(value)) return Object.freeze(value.map(keptOf)) as Json;
  const copy: Record<string, Json> = { ...(value as JsonObject) };
  for (const name of Object.keys(copy)) {
    const part = copy[name];
    if (typeof part === 'object' && part !== null) copy[name] = keptOf(part);
    // As JSON text would leave it out.
    else if (part === undefined) delete copy[name];
  }
  return Object.freeze(copy);
}
