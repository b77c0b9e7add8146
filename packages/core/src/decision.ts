// The words in which it is decided what one change does to one record: what is known, and what may come of it.

import type { VerdictCode } from './errors.ts';
import type { JsonObject } from './json.ts';
import type { Collection } from './schema.ts';
import type { Owner } from './touched.ts';

/** The record as it stands, read. `body` is null when it is deleted. */
export interface Standing {
  seq: number;
  madeAt: number;
  writer: string;
  touched: string;
  body: JsonObject | null;
}

export interface DecideContext {
  collection: Collection;
  id: string;
  /** Fields that the writer's own schema knows. */
  writerFields: { has(field: string): boolean };
  /** Whose writes count as the writer's own. */
  own: Owner;
  madeAt: number;
  /** The record at the change's base; undefined: not looked up; null: history has lost it. */
  atBase: JsonObject | null | undefined;
  /** A person's answer, which goes before every policy. */
  forced?: 'server' | 'device';
}

export interface FoundConflict {
  /** In code-unit order. */
  fields: readonly string[];
  /** What the writer saw; null where it saw no value. A field of which that is not known is missing. */
  base: JsonObject;
  policy: string;
  /** Nothing of the change is in the record, its increments neither. */
  unapplied?: true;
}

/** A record is created or deleted; begins anew where a tombstone stood; or comes back, because a person wants it to. */
export type Turn = 'all' | 'anew' | 'again';

export type Decision =
  /** `body` null: deleted. `fields`: what differs from before. Equal to before: nothing changed. */
  | {
      type: 'write';
      body: JsonObject | null;
      fields: readonly string[] | Turn;
      conflict: FoundConflict | null;
    }
  | { type: 'ask'; conflict: FoundConflict }
  | { type: 'refuse'; code: VerdictCode; field?: string; message: string }
  /** Look up the record at the change's base and ask again. */
  | { type: 'needsBase' };

export function inexact(field: string): Extract<Decision, { type: 'refuse' }> {
  return {
    type: 'refuse',
    code: 'counter_inexact',
    field,
    message: `The sum of ${field} could not be held exactly.`,
  };
}
