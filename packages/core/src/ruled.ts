// What a judge of declared changes (declared.ts, base-judge.ts) answers, in words that a protocol translates.

import { equalJson } from './canonical.ts';
import type { DeleteChange, PutChange, RecordChange } from './change.ts';
import type { Decision } from './decision.ts';
import type { JsonObject } from './json.ts';

/** One write of a client that names no base as native replicas do. */
export type DeclaredChange = Omit<PutChange, 'base' | 'replaced'> | Omit<DeleteChange, 'base'>;

export type Ruling =
  | 'inserted'
  | 'updated'
  | 'deleted'
  /** The record was so already. */
  | 'unchanged'
  /** Not newer than the record. */
  | 'older'
  /** Equal time or version, other content. */
  | 'differs'
  /** As `differs`, and another device has written that version. */
  | 'concurrent'
  /** The record is deleted. */
  | 'gone'
  /** The collection takes no changes of existing records. */
  | 'reserved'
  /** A conflict, settled for the record as it stood; for the client; field by field; or left to a person. */
  | 'kept'
  | 'replaced'
  | 'merged'
  | 'open';

export interface Ruled {
  ruling: Ruling;
  decision: Exclude<Decision, { type: 'needsBase' }>;
  /** The record gets a version even if its body stays: its time or declared version moves. */
  moves: boolean;
  /** When the record counts as made, where that is not when the change was. */
  madeAt?: number;
  /** The change as a conflict keeps it for a person, where that is not as it came. */
  kept?: RecordChange;
  /** The record as its writer has it from now on, where that is remembered; `told`: as in WriterCopy, absent: of all. */
  copy?: { body: JsonObject; told?: number };
}

export function written(
  ruling: Ruling,
  body: JsonObject | null,
  fields: readonly string[] | 'all' | 'anew',
): Ruled & { decision: { type: 'write' } } {
  return { ruling, decision: { type: 'write', body, fields, conflict: null }, moves: true };
}

export function unchanged(body: JsonObject | null): Ruled {
  const decision = { type: 'write' as const, body, fields: [], conflict: null };
  return { ruling: 'unchanged', decision, moves: false };
}

export function bodyOfPut(change: DeclaredChange): JsonObject | null {
  return change.type === 'put' ? change.body : null;
}

/** Fields in which two bodies differ, in code-unit order. */
export function differing(a: JsonObject | null, b: JsonObject | null): string[] {
  const names = new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})]);
  return [...names].filter((field) => differsIn(field, a, b)).sort();
}

export function differsIn(field: string, a: JsonObject | null, b: JsonObject | null): boolean {
  const given = (body: JsonObject | null) =>
    body && Object.hasOwn(body, field) ? [body[field] as never] : [];
  return !equalJson(given(a), given(b));
}
