// What a judge that goes by what was in sight (base-judge.ts) is asked, and what its parts have in common.

import type { FoundConflict } from './decision.ts';
import { valueIn } from './edit.ts';
import type { Json, JsonObject } from './json.ts';
import type { Ruled, Ruling } from './ruled.ts';
import type { Collection, RecordPolicy, RecordPolicyName } from './schema.ts';
import type { Owner } from './touched.ts';

export interface BaseJudge {
  by: 'base';
  /** Collection → policy, which goes before that of the schema. Policies of single fields stay. */
  policies: ReadonlyMap<string, RecordPolicyName>;
  /** Where the declared times differ by no more than this, both sides are merged, and the client is told of no conflict. */
  toleranceMs?: number;
  /** What comes back where a tombstone is: a put whose writer has seen it, or only one that is declared later than the delete. */
  returns: 'seen' | 'newer';
  /** Fields in which a difference is no conflict: bookkeeping, and the declared time. */
  ignored: ReadonlySet<string>;
}

/**
 * What a writer names as what it had in sight: how often the record had been changed, up to which seq of the scope it has read, or
 * that there was no record.
 */
export type DeclaredBase = { edits: number } | { seq: number } | 'none';

/** What the writer of a change had in sight. */
export interface Sight {
  /** What others wrote up to this seq is no conflict to it: it has read it, or has sent the record since. */
  seq: number;
  /** What others wrote up to this seq it was told. */
  told: number;
  /** It says that there was no record: then whatever stands is a conflict. */
  creates: boolean;
  /** What it sent last met others' changes that it does not count. */
  missed: boolean;
  /** The record as it has it; null when nobody knows any more. */
  body: JsonObject | null;
  /** Values that it says it started from. */
  started: JsonObject;
}

export interface BaseQuestion {
  judge: BaseJudge;
  collection: Collection;
  id: string;
  sight: Sight;
  madeAt: number;
  /** Whose writes count as its own. */
  own: Owner;
}

export function policyOf({ judge, collection }: BaseQuestion): RecordPolicy {
  return judge.policies.get(collection.name) ?? collection.policy;
}

export function isWithinTolerance(current: { madeAt: number }, { judge, madeAt }: BaseQuestion): boolean {
  return judge.toleranceMs !== undefined && Math.abs(madeAt - current.madeAt) <= judge.toleranceMs;
}

/** What the writer saw in some fields, as far as that is known; null where there was nothing. */
export function seenIn(fields: readonly string[], { started, body }: Sight): JsonObject {
  const seen = fields.flatMap((field): [string, Json][] => {
    const said = valueIn(started, field);
    if (said !== undefined) return [[field, said]];
    return body ? [[field, valueIn(body, field) ?? null]] : [];
  });
  return Object.fromEntries(seen);
}

export function found(fields: readonly string[], policy: string, sight: Sight): FoundConflict {
  return { fields: [...fields].sort(), base: seenIn(fields, sight), policy };
}

/** The record stays as it is; what was not taken lies in the conflict, open or settled. */
export function stays(ruling: Ruling, body: JsonObject | null, found: FoundConflict): Ruled {
  const conflict = { ...found, unapplied: true as const };
  if (ruling === 'open') return { ruling, decision: { type: 'ask', conflict }, moves: false };
  return { ruling, decision: { type: 'write', body, fields: [], conflict }, moves: false };
}
