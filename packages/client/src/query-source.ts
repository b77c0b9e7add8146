// Reads what a plan names, chunk by chunk. A chunk is bounded, so a query over a million records holds one chunk at a time.

import type { Json, JsonObject } from '@holdfast/core';
import { segmentsOf } from './index-key.ts';
import { compareOrder, type OrderKey, textOfField } from './query-order.ts';
import type { Plan, ScanPlan, Stream, Wanted } from './query-plan.ts';
import type { StorageEntry, StorageKey, StorageTransaction } from './storage/port.ts';

/** At most so many entries or records are read by one call of the storage. */
export const chunkMax = 500;

export interface QueryTarget {
  scope: string;
  collection: { readonly name: string };
}

/** What is known of a record before it is read: its id and either the values in an index entry, or the body. */
export interface Candidate {
  id: string;
  segments: readonly string[];
  body?: JsonObject;
}

export interface Source {
  /** At most `limit` candidates that were not read before; none: the end. In the wanted order if the plan is sorted. */
  read(limit: number): Promise<readonly Candidate[]>;
}

export function openSource(tx: StorageTransaction, target: QueryTarget, plan: Plan, wanted: Wanted): Source {
  if (plan.type === 'ids') return readIds(plan.ids);
  const sources = plan.streams.map((stream) => readStream(tx, target, plan, stream));
  const [only] = sources;
  if (only && sources.length === 1) return only;
  return plan.sorted ? merge(sources, plan, wanted) : concatenate(sources);
}

/** The text of a field; undefined when it is not known before the record is read. */
export function textIn(plan: Plan, candidate: Candidate, field: string): string | undefined {
  if (field === 'id') return candidate.id;
  if (candidate.body) return textOfField(field, candidate.id, candidate.body);
  return plan.type === 'index' ? candidate.segments[plan.fields.indexOf(field)] : undefined;
}

/** The body of a value of the table `records`. */
export function bodyOfRecord(value: Json): JsonObject {
  return (value as unknown as { body: JsonObject }).body;
}

function readIds(ids: readonly string[]): Source {
  let read = 0;
  return {
    async read(limit) {
      const from = read;
      read += limit;
      return ids.slice(from, read).map((id) => ({ id, segments: [] }));
    },
  };
}

function readStream(tx: StorageTransaction, target: QueryTarget, plan: ScanPlan, stream: Stream): Source {
  const table = plan.type === 'index' ? 'indexes' : 'records';
  const base = [target.scope, target.collection.name];
  const { from, to } = stream.span;
  let after: StorageKey | undefined = stream.after && [...base, ...stream.after];
  let ended = false;
  return {
    async read(limit) {
      if (ended) return [];
      const bounded = Math.min(limit, chunkMax);
      const found = await tx.scan(table, {
        prefix: [...base, ...stream.parts],
        ...(from === '' ? {} : { from: [from] }),
        ...(to === undefined ? {} : { to: [to] }),
        ...(after ? { after } : {}),
        reverse: plan.reverse,
        limit: bounded,
      });
      ended = found.length < bounded;
      after = found.at(-1)?.key;
      return found.map((entry) => candidateOf(plan, entry));
    },
  };
}

function candidateOf(plan: ScanPlan, { key, value }: StorageEntry): Candidate {
  const id = key.at(-1) ?? '';
  if (plan.type === 'records') return { id, segments: [], body: bodyOfRecord(value) };
  return { id, segments: segmentsOf(key[3] ?? '') };
}

function concatenate(sources: readonly Source[]): Source {
  let at = 0;
  return {
    async read(limit) {
      for (let source = sources[at]; source; at += 1, source = sources[at]) {
        const found = await source.read(limit);
        if (found.length > 0) return found;
      }
      return [];
    },
  };
}

/** A stream's candidates that are read but not taken, in order. */
interface Head {
  source: Source;
  waiting: { candidate: Candidate; order: OrderKey }[];
  ended: boolean;
}

/** Always takes the first of the streams' first candidates. Each stream is read as far as its share of what is wanted. */
function merge(sources: readonly Source[], plan: Plan, wanted: Wanted): Source {
  const heads: Head[] = sources.map((source) => ({ source, waiting: [], ended: false }));
  const orderOf = (candidate: Candidate): OrderKey =>
    wanted.order.map(({ field }) => textIn(plan, candidate, field) ?? wanted.constants.get(field) ?? '');
  const refill = async (head: Head, share: number): Promise<void> => {
    const found = await head.source.read(share);
    head.ended = found.length === 0;
    // Turned round, so that the first is taken off the end.
    head.waiting = found.map((candidate) => ({ candidate, order: orderOf(candidate) })).reverse();
  };
  return {
    async read(limit) {
      const merged: Candidate[] = [];
      while (merged.length < limit) {
        const share = Math.ceil((limit - merged.length) / sources.length);
        for (const head of heads) if (!head.ended && head.waiting.length === 0) await refill(head, share);
        const first = firstOf(heads, wanted);
        if (!first) break;
        merged.push(first);
      }
      return merged;
    },
  };
}

function firstOf(heads: readonly Head[], { order }: Wanted): Candidate | undefined {
  let best: Head | undefined;
  for (const head of heads) {
    const mine = head.waiting.at(-1);
    const theirs = best?.waiting.at(-1);
    if (mine && (!theirs || compareOrder(order, mine.order, theirs.order) < 0)) best = head;
  }
  return best?.waiting.pop()?.candidate;
}
