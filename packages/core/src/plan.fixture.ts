// One scope in memory: what a store would hold, in maps, and the engine's loop around the plan (foresee → load → plan → … →
// write). Short builders let a test read like a story. After each commit the laws of plan-laws.fixture.ts are checked.

import { z } from 'zod';
import { admit } from './admit.ts';
import { canonicalJson } from './canonical.ts';
import {
  type Change,
  hashedPart,
  type Mutation,
  type RecordChange,
  type ResolveChange,
  recordKey,
} from './change.ts';
import type { PlanContext } from './draft.ts';
import { foresee } from './foresee.ts';
import { holdersCut, holdersMaxOf } from './holders.ts';
import type { JsonObject } from './json.ts';
import { defaultLimits, type Limits } from './limits.ts';
import type { VerdictEntry } from './messages.ts';
import { type ItemOutcome, plan } from './plan.ts';
import type { PlanItem, PushItem, ResolutionAnswer } from './plan-item.ts';
import { assertLaws } from './plan-laws.fixture.ts';
import type { ResolveOutcome } from './plan-resolve.ts';
import { defineSchema, type Schema } from './schema.ts';
import { apply, emptyStored, load, type Stored, sha256 } from './scope-store.fixture.ts';
import { bodyOf, type LoggedVerdict, type StoredConflict, type StoredRecord } from './stored.ts';
import { emptyWorkingSet, needsAnything, type Writes } from './working-set.ts';

/** A shop: what it stocks (requests, merged), its shelves (a person decides), its sales (facts). */
export const shop = defineSchema({
  version: 1,
  collections: {
    items: {
      kind: 'request',
      fields: z.object({
        name: z.string(),
        note: z.string().optional(),
        price: z.number().nonnegative().optional(),
        code: z.string().nullable().optional(),
        shelf: z.string().nullable().optional(),
        stock: z.number().optional(),
      }),
      counters: { stock: { minimum: 0 } },
      unique: ['code'],
      parents: { shelf: 'shelves' },
    },
    shelves: {
      kind: 'request',
      fields: z.object({ name: z.string(), note: z.string().optional(), load: z.number().optional() }),
      policy: 'ask',
      counters: { load: {} },
    },
    sales: {
      kind: 'fact',
      fields: z.object({
        amount: z.number(),
        number: z.string().optional(),
        item: z.string().optional(),
        paid: z.number().optional(),
      }),
      counters: { paid: { minimum: 0 } },
      unique: ['number'],
      parents: { item: 'items' },
    },
  },
});

/** Friday, 14 November 2025, in the morning. */
export const morning = 1_763_100_000_000;

export interface ScopeOptions {
  limits?: Partial<Limits>;
  /** False: for scopes so large that checking the laws after each commit would take too long. */
  laws?: boolean;
  nowMs?: number;
}

/** A mutation as a test makes it. */
export type Draughted = Mutation & { madeAt?: number };

export interface PushOptions {
  n?: number | null;
  /** Former id → the seq up to which it had heard of its commits. */
  former?: Readonly<Record<string, number>>;
  device?: string;
  right?: PushItem['right'];
  room?: PushItem['room'];
  seen?: number;
  seqSeen?: number;
}

export class TestScope {
  readonly schema: Schema;
  readonly limits: Limits;
  readonly stored: Stored = emptyStored();
  nowMs: number;
  /** Loads that the last commit took. */
  rounds = 0;
  lastWrites: Writes | undefined;
  readonly #laws: boolean;
  readonly #batches = new Map<string, number>();

  constructor(schema: Schema = shop, { limits = {}, laws = true, nowMs = morning }: ScopeOptions = {}) {
    this.schema = schema;
    this.limits = { ...defaultLimits, ...limits };
    this.nowMs = nowMs;
    this.#laws = laws;
  }

  // ── what a test does ──

  replica(name: string, defaults: PushOptions = {}): TestReplica {
    return new TestReplica(this, name, defaults);
  }

  /** One push as an item of a plan; its batch takes the replica's next number unless told otherwise (null: none). */
  pushItem(replica: string, mutations: readonly Draughted[], options: PushOptions = {}): PushItem {
    const { device = `device-${replica}`, right = 'write', seen = 0, seqSeen } = options;
    const former = Object.entries(options.former ?? {}).map(([id, heard]) => ({ id, seqSeen: heard }));
    const { room = { refusals: 1_000, replicas: 1_000 } } = options;
    const n = options.n === undefined ? (this.#batches.get(replica) ?? 0) + 1 : options.n;
    if (n !== null) this.#batches.set(replica, Math.max(n, this.#batches.get(replica) ?? 0));
    return {
      type: 'push',
      device,
      replica,
      former,
      right,
      room,
      ...(n === null ? {} : { n }),
      verdictsSeen: seen,
      ...(seqSeen === undefined ? {} : { seqSeen }),
      mutations: mutations.map(({ madeAt = this.nowMs, ...mutation }) => {
        const { problem } = admit(mutation, this.schema, this.limits);
        const hash = sha256(canonicalJson(hashedPart(mutation)));
        return { mutation, hash, madeAt, ...(problem ? { problem } : {}) };
      }),
    };
  }

  /** Answers a conflict; `seen` defaults to the record's version. */
  resolve(
    conflict: number,
    answer: ResolutionAnswer | ResolutionAnswer['type'],
    options: { seen?: number; actor?: string } = {},
  ): ResolveOutcome {
    const { collection = '', record = '' } = this.stored.conflicts.get(conflict) ?? {};
    const seenVersion = options.seen ?? this.record(collection, record)?.seq ?? 0;
    const given = typeof answer === 'string' ? ({ type: answer } as ResolutionAnswer) : answer;
    const item = {
      type: 'resolve' as const,
      conflict,
      seenVersion,
      answer: given,
      mutation: newId(),
      actor: options.actor ?? 'ann',
    };
    return this.commit([item])[0] as ResolveOutcome;
  }

  expire(...mutations: string[]): void {
    this.commit([{ type: 'expire', mutations }]);
  }

  /** As when the retention that the schema names is over. */
  loseHistory(): void {
    this.stored.purged.push(...this.stored.history.splice(0).map(({ record }) => record));
  }

  /** Loads, plans and writes, as the engine does. */
  commit(items: readonly PlanItem[]): readonly ItemOutcome[] {
    const context: PlanContext = { schema: this.schema, limits: this.limits, sha256, nowMs: this.nowMs };
    const set = emptyWorkingSet({ ...this.stored.state });
    let holdersMax = holdersMaxOf(items, [set]);
    let needs = foresee(items, set.scope, context);
    for (this.rounds = 1; this.rounds <= 200; this.rounds++) {
      if (needsAnything(needs)) load(this.stored, needs, set, holdersMax);
      const cut = holdersCut(set, holdersMax);
      const grown = holdersMaxOf(items, [set]);
      if (grown > holdersMax) load(this.stored, cut, set, grown);
      holdersMax = grown;
      const planned = plan(items, set, context);
      if (planned.type === 'commit') {
        this.lastWrites = planned.writes;
        apply(this.stored, planned.writes);
        if (this.#laws) assertLaws(this);
        return planned.outcomes;
      }
      needs = planned.needs;
    }
    throw new Error('The plan still needs more after 200 rounds.');
  }

  // ── what a test looks at ──

  record(collection: string, id: string): StoredRecord | undefined {
    return this.stored.records.get(recordKey(collection, id));
  }

  /** Null: deleted; undefined: never there. */
  body(collection: string, id: string): JsonObject | null | undefined {
    const record = this.record(collection, id);
    return record && bodyOf(record);
  }

  /** The latest verdict of a mutation. */
  verdict(id: string) {
    return this.stored.mutations.get(id)?.verdict;
  }

  log(replica: string): readonly LoggedVerdict[] {
    return this.stored.verdicts.get(replica) ?? [];
  }

  conflict(id: number): StoredConflict {
    const found = this.stored.conflicts.get(id);
    if (!found) throw new Error(`There is no conflict ${id}.`);
    return found;
  }

  conflicts(state?: 'open' | 'settled'): StoredConflict[] {
    return [...this.stored.conflicts.values()].filter(
      (conflict) => state === undefined || conflict.state === state,
    );
  }

  owner(collection: string, group: string, value: unknown): string | undefined {
    const text = canonicalJson([value] as never);
    return [...this.stored.unique.values()].find(
      (holder) =>
        holder.collection === collection && holder.group === group && holder.value === text && holder.claimed,
    )?.id;
  }
}

export class TestReplica {
  readonly scope: TestScope;
  readonly name: string;
  readonly #defaults: PushOptions;

  constructor(scope: TestScope, name: string, defaults: PushOptions) {
    this.scope = scope;
    this.name = name;
    this.#defaults = defaults;
  }

  /** Pushes one mutation in a batch of its own and answers its verdict. */
  push(...changes: Change[]): VerdictEntry {
    return this.send(mutation(changes));
  }

  /** Pushes mutations in one batch and answers the verdict of the first. */
  send(...mutations: Draughted[]): VerdictEntry {
    const [verdict] = this.batch(mutations).verdicts;
    if (!verdict) throw new Error('The push brought no verdict.');
    return verdict;
  }

  batch(
    mutations: readonly Draughted[],
    options: PushOptions = {},
  ): Extract<ItemOutcome, { type: 'pushed' }> {
    const outcome = this.tryBatch(mutations, options);
    if (outcome.type !== 'pushed') throw new Error(`The push was refused: ${JSON.stringify(outcome)}`);
    return outcome;
  }

  tryBatch(mutations: readonly Draughted[], options: PushOptions = {}): ItemOutcome {
    const [outcome] = this.scope.commit([this.item(mutations, options)]);
    if (!outcome) throw new Error('The plan left the push without an outcome.');
    return outcome;
  }

  item(mutations: readonly Draughted[], options: PushOptions = {}): PushItem {
    return this.scope.pushItem(this.name, mutations, { ...this.#defaults, ...options });
  }
}

// ── builders ──

export function put(
  collection: string,
  id: string,
  body: JsonObject,
  rest: { base?: number; replaced?: JsonObject } = {},
): RecordChange {
  return { type: 'put', collection, id, ...rest, body };
}

export function patch(
  collection: string,
  id: string,
  set: JsonObject,
  rest: { base?: number; unset?: readonly string[]; replaced?: JsonObject } = {},
): RecordChange {
  return { type: 'patch', collection, id, set, ...rest };
}

export function del(collection: string, id: string, base = 0): RecordChange {
  return { type: 'delete', collection, id, base };
}

export function add(collection: string, id: string, amounts: Record<string, number>, base = 0): RecordChange {
  return { type: 'add', collection, id, base, amounts };
}

/** A person's answer on a device, made on the version `base` of the record. */
export function resolve(
  conflict: { id: number; collection: string; record: string },
  answer: ResolveChange['answer'],
  rest: { base?: number; body?: JsonObject; replaced?: JsonObject } = {},
): Change {
  const { id, collection, record } = conflict;
  return { type: 'resolve', collection, id: record, conflict: id, answer, ...rest };
}

let ids = 0;

/** Ids rise, so that a test's mutations are told apart and ordered. */
export function newId(): string {
  ids += 1;
  return `00000000-0000-7000-8000-${ids.toString(16).padStart(12, '0')}`;
}

export function mutation(
  changes: readonly Change[],
  options: Partial<Omit<Draughted, 'changes'>> = {},
): Draughted {
  const made = { wall: morning, mono: 0, session: 's', offset: 0, seen: 0 };
  return { id: newId(), schema: 1, made, ...options, changes };
}
