// Entity types and the schema's collections: which is which, what comes first, and by which strategy conflicts of a type are settled.

import {
  collectionIn,
  type JsonObject,
  priorityOf,
  type RecordPolicyName,
  type Schema,
} from '@holdfast/core';
import type { MountedCollection } from '../mount.ts';
import { namesOf } from '../names.ts';
import { entityTypePattern, type Strategy } from './wire.ts';

export interface Entities {
  /** Those of the config, in its order. */
  declared: readonly string[];
  /** The collections of all types; undefined: also those that terminals name themselves. */
  collections: readonly string[] | undefined;
  /** The collection of a type; undefined where no such type is taken. */
  collection(entityType: string): string | undefined;
  /** The type of a collection; undefined where terminals do not see it. */
  type(collection: string): string | undefined;
  /** 1 to 10, of a record as it stands. */
  priority(collection: string, body: JsonObject | null): number;
  /** Fields that are added up. */
  counters(collection: string): ReadonlySet<string>;
  /** Where the schema names no policy. */
  policies(collections: Iterable<string>): ReadonlyMap<string, RecordPolicyName>;
}

const policyOf: Readonly<Record<Strategy, RecordPolicyName>> = {
  TERMINAL_WINS: 'client',
  CENTRAL_WINS: 'server',
  MANUAL_MERGE: 'ask',
};

/** Priority from which on a change is told to the other terminals at once. */
export const urgentPriority = 8;

export function entitiesOf(
  schema: Schema,
  mounted: ReadonlyMap<string, MountedCollection>,
  conflictStrategy: Strategy,
): Entities {
  const names = namesOf(schema, mounted);
  const known = [...mounted.values()];
  return {
    declared: known.map(({ wire }) => wire),
    collections: schema.named ? undefined : known.map(({ collection }) => collection),
    collection: (entityType) =>
      entityTypePattern.test(entityType) ? names.collection(entityType)?.collection : undefined,
    type: (collection) => names.wire(collection)?.wire,
    priority(collection, body) {
      const rules = collectionIn(schema, collection);
      return rules ? priorityOf(rules, body ?? {}) : 1;
    },
    counters: (collection) => new Set(collectionIn(schema, collection)?.counters.keys()),
    policies: (collections) =>
      new Map(
        [...collections]
          .filter((name) => collectionIn(schema, name)?.policyNamed !== true)
          .map((name) => [name, policyOf[conflictStrategy]]),
      ),
  };
}
