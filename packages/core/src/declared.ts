// Conflicts of protocols whose clients know no base: what they declare with a write, a time or a version of their own, is compared
// with what the record has. A judge is data: which of the two it goes by, and how each collection settles what is not newer.
//
//   by time     newer than the record ► written      older, or equal with other content ► the collection's policy
//   by version  higher than the record's ► written   equal with other content, or lower ► a conflict; the record stays
//
// Nothing here reads `touched`: a client that cannot say what it saw is only ever judged by the record as a whole. Of a client of which
// that is known, base-judge.ts decides.

import type { BaseJudge, DeclaredBase } from './base-question.ts';
import type { FoundConflict } from './decision.ts';
import type { JsonObject } from './json.ts';
import {
  bodyOfPut,
  type DeclaredChange,
  differing,
  type Ruled,
  type Ruling,
  unchanged,
  written,
} from './ruled.ts';

/** What becomes of a change that is not newer than its record: it stays open for a person, or is logged as settled for the record. */
export type TimePolicy =
  | 'ask'
  | 'newest'
  /** As `newest`, and what is newer loses as well: records that exist are the server's. */
  | 'server';

export interface TimeJudge {
  by: 'time';
  /** Collection → policy; `newest` where none is named. */
  policies: ReadonlyMap<string, TimePolicy>;
  /** Whether a put is the whole record, or some fields of it. */
  put: 'whole' | 'fields';
  /** What other content of the very same time does: it is a conflict, or the later arrival wins. */
  sameTime: 'conflict' | 'wins';
  /** Fields that are not compared: bookkeeping, and the declared time itself. */
  ignored: ReadonlySet<string>;
}

export interface VersionJudge {
  by: 'version';
  /** Up to which seq the device was sent what others wrote. */
  sentSeq: number;
  /** Fields that are not compared. */
  ignored: ReadonlySet<string>;
}

export type Judge = TimeJudge | VersionJudge | BaseJudge;

/** How a change is to be judged, and what its client declares. */
export interface DeclaredCase {
  judge: Judge;
  /** Where the judge goes by versions. */
  version: number;
  /** Where the judge goes by what the writer had in sight; and which values it says it started from. */
  base?: DeclaredBase;
  started?: JsonObject;
}

/** The record as it stands, as a judge reads it. */
export interface DeclaredStanding {
  seq: number;
  madeAt: number;
  writer: string;
  /** See `declaredVersion`. */
  version: number;
  body: JsonObject | null;
}

/** Whose change it is, and what it declares. */
export interface Declaration {
  writer: string;
  madeAt: number;
  /** Only where the judge goes by versions. */
  version: number;
}

/** The version that a client of such a protocol sees: what was declared last or, if never, how often the record was written. */
export function declaredVersion({ declared, edits }: { declared: number; edits: number }): number {
  return declared > 0 ? declared : edits;
}

/** Decides one declared change of a record that stands as `current` (null: never existed). */
export function ruleDeclared(
  change: DeclaredChange,
  current: DeclaredStanding | null,
  given: { judge: TimeJudge | VersionJudge; declaration: Declaration },
): Ruled {
  // A delete leaves a tombstone also where nothing was: an older put may be on its way.
  if (!current) return written(change.type === 'put' ? 'inserted' : 'deleted', bodyOfPut(change), 'all');
  if (change.type === 'delete' && current.body === null) return unchanged(null);
  const { judge, declaration } = given;
  if (judge.by === 'version') return ruleByVersion(change, current, { judge, declaration });
  const ruled = ruleByTime(change, current, { judge, madeAt: declaration.madeAt });
  if (judge.put === 'whole' || change.type !== 'put' || current.body === null) return ruled;
  // Some fields of a record are a patch of it as it stood.
  const { collection, id, body: set } = change;
  return { ...ruled, kept: { type: 'patch', collection, id, base: current.seq, set } };
}

function ruleByTime(
  change: DeclaredChange,
  current: DeclaredStanding,
  { judge, madeAt }: { judge: TimeJudge; madeAt: number },
): Ruled {
  const policy = judge.policies.get(change.collection) ?? 'newest';
  const after = change.type === 'put' ? putOnto(change.body, current.body, judge.put) : null;
  const fields = differing(current.body, after);
  const compared = fields.filter((field) => !judge.ignored.has(field));
  const isSame = current.body !== null && after !== null && compared.length === 0;
  if (isSame && (madeAt === current.madeAt || policy === 'server')) return unchanged(current.body);
  const named = compared.length > 0 ? compared : fields;
  const against = (ruling: Ruling): Ruled => stays(ruling, { change, current, policy, fields: named });
  if (policy === 'server') return against('reserved');
  if (madeAt < current.madeAt) return against('older');
  if (madeAt === current.madeAt && judge.sameTime === 'conflict') return against('differs');
  if (after === null) return written('deleted', null, 'all');
  return current.body === null ? written('inserted', after, 'anew') : written('updated', after, fields);
}

function ruleByVersion(
  change: DeclaredChange,
  current: DeclaredStanding,
  { judge, declaration }: { judge: VersionJudge; declaration: Declaration },
): Ruled {
  const { writer, version } = declaration;
  const after = bodyOfPut(change);
  const fields = differing(current.body, after);
  const compared = fields.filter((field) => !judge.ignored.has(field));
  const against = (ruling: Ruling): Ruled =>
    stays(ruling, { change, current, policy: 'newest', fields: compared });
  // What came back under a deleted identity would be another record.
  if (current.body === null) return against('gone');
  if (after !== null && compared.length === 0) {
    if (version <= current.version) return unchanged(current.body);
    return { ...written('unchanged', current.body, []), moves: true };
  }
  if (version < current.version) return against('older');
  if (version === current.version) return against(current.writer === writer ? 'differs' : 'concurrent');
  const decided = written(after === null ? 'deleted' : 'updated', after, after === null ? 'all' : fields);
  if (current.writer === writer || current.seq <= judge.sentSeq) return decided;
  // It overwrites what its device was never sent.
  return { ...decided, decision: { ...decided.decision, conflict: conflictOf('version', compared) } };
}

/** The record stays as it is. What was not taken lies in the conflict, open or settled. */
function stays(
  ruling: Ruling,
  at: { change: DeclaredChange; current: DeclaredStanding; policy: TimePolicy; fields: readonly string[] },
): Ruled {
  const { change, current, policy, fields } = at;
  const named = change.type === 'put' && current.body === null ? Object.keys(change.body).sort() : fields;
  const conflict: FoundConflict = { ...conflictOf(policy, named), unapplied: true };
  if (policy === 'ask') return { ruling, decision: { type: 'ask', conflict }, moves: false };
  const decision = { type: 'write' as const, body: current.body, fields: [], conflict };
  return { ruling, decision, moves: false };
}

function conflictOf(policy: string, fields: readonly string[]): FoundConflict {
  // What the client saw is not known.
  return { fields, base: {}, policy };
}

function putOnto(body: JsonObject, current: JsonObject | null, put: TimeJudge['put']): JsonObject {
  return put === 'fields' && current ? { ...current, ...body } : body;
}
