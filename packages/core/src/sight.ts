// Finds out what the writer of a declared change had in sight (base-judge.ts), from what it names.

import type { DeclaredBase, Sight } from './base-question.ts';
import type { Draft } from './draft.ts';
import type { JsonObject } from './json.ts';
import type { Live } from './record-book.ts';

export interface SightQuestion {
  writer: string;
  collection: string;
  id: string;
  /** The record as it stands. */
  live: Live | null;
  base: DeclaredBase;
  started: JsonObject;
}

/** Undefined while the draft needs more. */
export function sightOf(draft: Draft, question: SightQuestion): Sight | undefined {
  const { collection, id, live, base, started } = question;
  const copy = draft.copies.get(question);
  const named = seqOf(draft, live, base);
  if (copy === undefined || named === undefined) return undefined;
  const creates = base === 'none';
  // What it sent itself it knows better than what it had read before.
  const sent = copy && !creates && copy.seq > (named ?? 0) ? copy : null;
  const reads = !creates && 'seq' in base;
  // To who says how far it has read, nothing is a conflict that stood when it last sent; who counts changes has seen those that it counts.
  const seq = sent && reads ? sent.seq : (named ?? 0);
  const told = sent && reads ? Math.max(named ?? 0, sent.told) : seq;
  const sight = { seq, told, creates, started, missed: sent?.body != null && !reads };
  if (sent?.body) return { ...sight, body: JSON.parse(sent.body) as JsonObject };
  const from = sent ? sent.seq : named;
  if (from === null) return { ...sight, body: null };
  const body = from === 0 ? {} : draft.atBase(live, collection, id, from);
  return body === undefined ? undefined : { ...sight, body };
}

/** Null: history has lost the version. */
function seqOf(draft: Draft, live: Live | null, base: DeclaredBase): number | null | undefined {
  if (base === 'none') return 0;
  if ('seq' in base) return Math.min(base.seq, draft.scope.head);
  return live === null || base.edits === 0 ? 0 : draft.seqAtEdits(live, base.edits);
}
