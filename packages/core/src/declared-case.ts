// One change of a client that names no base as replicas do: finds what its judge has to know, and asks it.

import { ruleByBase } from './base-judge.ts';
import { type DeclaredCase, declaredVersion, ruleDeclared } from './declared.ts';
import type { Draft } from './draft.ts';
import type { Live } from './record-book.ts';
import type { DeclaredChange, Ruled } from './ruled.ts';
import type { Collection } from './schema.ts';
import { sightOf } from './sight.ts';
import type { Owner } from './touched.ts';

export interface CaseQuestion extends DeclaredCase {
  /** The record as it stands; null: there never was one. */
  live: Live | null;
  collection: Collection;
  writer: string;
  own: Owner;
  madeAt: number;
}

/** Undefined while the draft needs more. */
export function ruleCase(draft: Draft, change: DeclaredChange, question: CaseQuestion): Ruled | undefined {
  const { judge, live, writer, madeAt, version } = question;
  const standing = live && { ...live.record, body: live.body };
  if (judge.by !== 'base') {
    const known = standing && { ...standing, version: declaredVersion(standing) };
    return ruleDeclared(change, known, { judge, declaration: { writer, madeAt, version } });
  }
  const { collection, own, base = 'none', started = {} } = question;
  const { id } = change;
  const sight = sightOf(draft, { writer, collection: change.collection, id, live, base, started });
  return sight && ruleByBase(change, standing, { judge, collection, id, sight, madeAt, own });
}
