// What the servers committed, as the checkers know it: read off the writes that reached the store, with no code of the engine.

import type { Change, Mutation, StoredRecord, Verdict, Writes } from '@holdfast/core';

export interface Version {
  seq: number;
  ordinal: number;
  /** Canonical text; null: deleted. */
  body: string | null;
  writer: string;
  mutation: string;
}

/** A version that a commit writes. */
export interface Fresh {
  record: StoredRecord;
  /** Of the record: `collection/id`. */
  key: string;
  mutation: string;
}

export interface ScopeHistory {
  head: number;
  /** Record key → its versions, oldest first. */
  versions: Map<string, Version[]>;
  /** By seq: the keys of the records that it wrote. */
  written: string[][];
  /** Mutation → the seq that applied it. */
  applied: Map<string, number>;
  /** Mutation → its latest verdict. */
  verdicts: Map<string, Verdict>;
}

/** A mutation as a device stored it. */
export interface Made {
  /** How many were made before it, anywhere. */
  order: number;
  device: string;
  scope: string;
  mutation: Mutation;
  /** What the storage knows that it was made on: ids of mutations, this one and later ones among them. */
  known: ReadonlySet<string>;
  /** Those of them that lay in its quarantine then, or had been discarded from there: it was not made in sight of them. */
  aside: ReadonlySet<string>;
}

export class History {
  readonly scopes = new Map<string, ScopeHistory>();
  /** Every mutation that any device ever stored. */
  readonly made = new Map<string, Made>();
  /** Mutations in an outbox that another device got a copy of: either may send them. */
  readonly copied = new Set<string>();
  /** Mutations in an outbox that was copied or set back: another life of the storage may have sent them. */
  readonly forked = new Set<string>();

  /** A device has stored a mutation that nobody had. */
  make(made: Omit<Made, 'order'>): void {
    this.made.set(made.mutation.id, { ...made, order: this.made.size });
  }

  scope(name: string): ScopeHistory {
    let scope = this.scopes.get(name);
    if (!scope) {
      scope = { head: 0, versions: new Map(), written: [], applied: new Map(), verdicts: new Map() };
      this.scopes.set(name, scope);
    }
    return scope;
  }

  /** Takes over a commit. The checkers have seen it first, and so can compare it with what was. */
  add(name: string, writes: Writes, fresh: readonly Fresh[]): void {
    const scope = this.scope(name);
    for (const { record, key, mutation } of fresh) {
      const versions = scope.versions.get(key) ?? [];
      scope.versions.set(key, versions);
      const { seq, ordinal, writer } = record;
      scope.written[seq] ??= [];
      scope.written[seq].push(key);
      versions.push({ seq, ordinal, writer, mutation, body: canonicalText(record.body) });
    }
    for (const { seq, mutation } of writes.commits) scope.applied.set(mutation, seq);
    // A refusal for lack of a right is remembered under another key, and stands for its device alone.
    for (const { id, verdict } of writes.mutations)
      if (id === verdict.mutation || !scope.verdicts.has(verdict.mutation))
        scope.verdicts.set(verdict.mutation, verdict);
    scope.head = Math.max(scope.head, writes.scope.head);
  }

  /** The keys of the records that were written after one seq and up to another; one may come twice. */
  changedIn(name: string, after: number, upTo: number): string[] {
    return (this.scopes.get(name)?.written.slice(after + 1, upTo + 1) ?? []).flatMap((keys) => keys ?? []);
  }

  /** The version in force at a seq. */
  at(name: string, key: string, seq: number): Version | undefined {
    return this.scopes
      .get(name)
      ?.versions.get(key)
      ?.findLast((version) => version.seq <= seq);
  }
}

/** The versions that a commit wrote, oldest first. What it only superseded came before. */
export function freshIn(writes: Writes): Fresh[] {
  const mutations = new Map(writes.commits.map(({ seq, mutation }) => [seq, mutation]));
  const fresh: Fresh[] = [];
  const take = (record: StoredRecord): void => {
    const mutation = mutations.get(record.seq);
    if (mutation !== undefined) fresh.push({ record, key: `${record.collection}/${record.id}`, mutation });
  };
  for (const { record } of writes.history) take(record);
  for (const record of writes.records) take(record);
  return fresh.sort((a, b) => a.record.seq - b.record.seq || a.record.ordinal - b.record.ordinal);
}

/** What is asked of one mutation again and again, read off it once. */
export interface Shape {
  /** Record key → the mutation's changes of that record, in order. */
  changes: ReadonlyMap<string, readonly Change[]>;
  /** A person on a device decided a conflict with it. */
  isAnswer: boolean;
}

const shapes = new WeakMap<Mutation, Shape>();

export function shapeOf(mutation: Mutation): Shape {
  let shape = shapes.get(mutation);
  if (shape === undefined) {
    shape = {
      changes: Map.groupBy(mutation.changes, ({ collection, id }) => `${collection}/${id}`),
      isAnswer: mutation.changes.some(({ type }) => type === 'resolve'),
    };
    shapes.set(mutation, shape);
  }
  return shape;
}

const canonical = new Map<string, string>();
const contents = new Map<string, Readonly<Record<string, unknown>>>();
const textsMax = 100_000;

/** JSON text with sorted keys, the same for equal values. Texts repeat, so the answers are kept. */
export function canonicalText(text: string | null): string | null {
  if (text === null) return null;
  let found = canonical.get(text);
  if (found === undefined) {
    if (canonical.size > textsMax) canonical.clear();
    found = JSON.stringify(sorted(contentOf(text)));
    canonical.set(text, found);
  }
  return found;
}

/** The fields of a body; not to be changed. */
export function contentOf(text: string | null): Readonly<Record<string, unknown>> {
  if (text === null) return {};
  let found = contents.get(text);
  if (found === undefined) {
    if (contents.size > textsMax) contents.clear();
    found = JSON.parse(text) as Readonly<Record<string, unknown>>;
    contents.set(text, found);
  }
  return found;
}

const bodies = new WeakMap<object, string>();

/** The same of a value that nobody can change. */
export function canonicalBody(body: object | null): string | null {
  if (body === null) return null;
  let found = bodies.get(body);
  if (found === undefined) {
    found = JSON.stringify(sorted(body));
    bodies.set(body, found);
  }
  return found;
}

export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, part]) => [key, sorted(part)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Of tenths, as a whole number: sums of them are exact. */
export function tenths(value: unknown): number {
  return Math.round(Number(value ?? 0) * 10);
}
