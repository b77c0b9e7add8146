// Unique values of one scope, judged at a mutation's end: who holds what, who owns it, who claims it next.

import { canonicalJson } from './canonical.ts';
import { compareText } from './collate.ts';
import { valueIn } from './edit.ts';
import type { Json, JsonObject } from './json.ts';
import type { Sha256 } from './ports.ts';
import type { Collection } from './schema.ts';
import type { UniqueHolder } from './stored.ts';
import { uniqueKey } from './working-set.ts';

/** A record as it was before the mutation and as it would be after. */
export interface UniqueChange {
  collection: Collection;
  id: string;
  before: JsonObject | null;
  after: JsonObject | null;
}

export interface UniqueTaken {
  collection: string;
  id: string;
  field: string;
}

/** One value of a unique group, as it stands when the changes are done. */
export interface UniqueEntry {
  collection: string;
  group: string;
  value: string;
  /** The owner, if any, and the others as far as they are loaded. */
  holders: readonly UniqueHolder[];
  /** Records that hold it no more, loaded or not. */
  freed: readonly string[];
}

export interface UniqueOutcome {
  /** Values that another record owns, in the order of the changes. */
  taken: readonly UniqueTaken[];
  /** Every value that was touched, to be written when the mutation is accepted. */
  entries: readonly UniqueEntry[];
}

/** Where holders are read: undefined while they are not loaded. */
interface UniqueReader {
  holders(collection: string, group: string, value: string): readonly UniqueHolder[] | undefined;
  context: { sha256: Sha256 };
}

const valueCharsMax = 200;

/** The value that a record holds of a group, as text; undefined when one of its fields is null or absent. */
export function uniqueValue(
  body: JsonObject | null,
  group: readonly string[],
  sha256: Sha256,
): string | undefined {
  if (body === null) return undefined;
  const values: Json[] = [];
  for (const field of group) {
    const value = valueIn(body, field);
    if (value === undefined || value === null) return undefined;
    values.push(value);
  }
  const text = canonicalJson(values);
  return text.length <= valueCharsMax ? text : `sha256:${sha256(text)}`;
}

/**
 * What the changes of one mutation do to unique values: first all that they free, then all that they take, so that two
 * records may swap. A freed value goes to the earliest record that still holds it.
 * Undefined while holders are not loaded (the draft has noted which).
 */
export function settleUnique(
  draft: UniqueReader,
  changes: readonly UniqueChange[],
  seq: number,
): UniqueOutcome | undefined {
  const book = new Map<string, UniqueEntry>();
  const taken: UniqueTaken[] = [];
  const moves = changes.flatMap((change) => movesOf(change, draft.context.sha256));
  let loaded = true;
  const open = ({ collection, group }: Move, value: string): UniqueEntry => {
    const known = book.get(uniqueKey(collection, group, value));
    if (known) return known;
    const holders = draft.holders(collection, group, value);
    if (!holders) loaded = false;
    return set({ collection, group, value, holders: holders ?? [], freed: [] });
  };
  const set = (entry: UniqueEntry): UniqueEntry => {
    book.set(uniqueKey(entry.collection, entry.group, entry.value), entry);
    return entry;
  };
  for (const move of moves) {
    if (move.from !== undefined) set(withoutHolder(open(move, move.from), move.id));
    if (move.to !== undefined) open(move, move.to);
  }
  for (const move of moves) {
    if (move.to === undefined) continue;
    const entry = open(move, move.to);
    const claimed = !entry.holders.some((holder) => holder.claimed);
    const { collection, group, id } = move;
    if (!claimed) taken.push({ collection, id, field: group });
    const holder = { collection, group, value: move.to, id, claimed, since: seq };
    set({ ...entry, holders: [...entry.holders, holder] });
  }
  return loaded ? { taken, entries: [...book.values()] } : undefined;
}

interface Move {
  collection: string;
  id: string;
  group: string;
  from: string | undefined;
  to: string | undefined;
}

function movesOf(change: UniqueChange, sha256: Sha256): Move[] {
  return change.collection.unique.flatMap((fields) => {
    const from = uniqueValue(change.before, fields, sha256);
    const to = uniqueValue(change.after, fields, sha256);
    return from === to
      ? []
      : [{ collection: change.collection.name, id: change.id, group: fields.join(','), from, to }];
  });
}

function withoutHolder(entry: UniqueEntry, id: string): UniqueEntry {
  const holders = entry.holders.filter((holder) => holder.id !== id);
  const freed = [...entry.freed, id];
  const [next] = [...holders].sort((a, b) => a.since - b.since || compareText(a.id, b.id));
  if (!next || holders.some((holder) => holder.claimed)) return { ...entry, holders, freed };
  const claim = (holder: UniqueHolder): UniqueHolder =>
    holder === next ? { ...holder, claimed: true } : holder;
  return { ...entry, holders: holders.map(claim), freed };
}
