// What clients call the schema's collections, where they may also name collections of their own.

import type { Schema } from '@holdfast/core';
import type { MountedCollection } from './mount.ts';

/** Which collections go by which names. */
export interface Names {
  /** Undefined: clients may not write to it. */
  collection(wire: string): MountedCollection | undefined;
  /** Undefined: clients do not see it. */
  wire(collection: string): MountedCollection | undefined;
}

/** Those that are mounted and, where the schema takes them, those that clients name themselves. */
export function namesOf(schema: Schema, mounted: ReadonlyMap<string, MountedCollection>): Names {
  const byCollection = new Map([...mounted.values()].map((one) => [one.collection, one]));
  const named = (name: string): MountedCollection | undefined =>
    schema.named && !schema.collections.has(name)
      ? { wire: name, collection: name, id: 'id', time: '' }
      : undefined;
  return {
    collection: (wire) => mounted.get(wire) ?? named(wire),
    // A name that another collection goes by is not taken a second time.
    wire: (collection) =>
      byCollection.get(collection) ?? (mounted.has(collection) ? undefined : named(collection)),
  };
}
