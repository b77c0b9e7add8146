// The records of one mutation while its changes are tried, one after the other, on top of the draft. Changes nothing.

import { collectionFor } from './admit.ts';
import { equalJson } from './canonical.ts';
import { type Change, type Mutation, type RecordChange, recordKey } from './change.ts';
import { decide } from './decide.ts';
import type { DecideContext, Decision, FoundConflict } from './decision.ts';
import type { DeclaredCase } from './declared.ts';
import { ruleCase } from './declared-case.ts';
import type { Draft } from './draft.ts';
import { type Problem, type VerdictCode, verdictCodes } from './errors.ts';
import { nextVersion } from './next-version.ts';
import type { Live } from './record-book.ts';
import type { DeclaredChange, Ruled } from './ruled.ts';
import { type Collection, collectionIn, type Schema } from './schema.ts';
import type { StoredConflict } from './stored.ts';
import { isIdOf, type Own, type Owner, ownerOf, serverWriter } from './touched.ts';
import type { Exception } from './verdict.ts';

export interface Case {
  mutation: Mutation;
  madeAt: number;
  own: Own;
  /** A person's answers: recordKey → whose side. */
  forced: ReadonlyMap<string, 'server' | 'device'>;
  /** False once it was held: then it stands behind nothing, and only waits for parents that are still missing. */
  first: boolean;
  /** A person decided: it waits for nothing, and what cannot be done is refused, fact or not. */
  decided: boolean;
  /** The head at which it was put before a person: what its own replica has written since came after it. */
  askedAt?: number;
  /** It comes from a client that names no base as replicas do: this judges it. */
  declared?: DeclaredCase;
}

/** A record as the changes so far leave it. */
export interface Tried extends Live {
  /** As it stood before the mutation. */
  stood: Live | null;
  /** It is what a put made of it: the door has judged that already. */
  asPut: boolean;
  /** It gets a version even if its body stays. */
  moves: boolean;
}

/** A conflict between one change and the record as it stood. */
export interface CaseConflict {
  change: RecordChange;
  found: FoundConflict;
  before: Live | null;
  /** The open conflict that it is folded onto. */
  into: number | null;
}

/** Why a fact is flagged, and the conflict that keeps what was not taken. */
export interface Flag {
  exception: Exception;
  kept: CaseConflict | null;
}

export class Trial {
  readonly fact: boolean;
  /** Something that it has to know is not loaded yet; the draft has noted what. */
  incomplete = false;
  /** By recordKey. */
  readonly after = new Map<string, Tried>();
  /** Conflicts that policies answered, that a fact leaves open, and that a person must answer first. */
  readonly merged: CaseConflict[] = [];
  readonly open: CaseConflict[] = [];
  readonly ask: CaseConflict[] = [];
  readonly flags: Flag[] = [];
  /** What the judge of a declared change made of it. */
  ruled: Ruled | undefined;
  readonly #draft: Draft;
  readonly #given: Case;
  readonly #schema: Schema;
  readonly #own: Owner;
  readonly #asked = new Set<string>();

  constructor(draft: Draft, given: Case) {
    this.#draft = draft;
    this.#given = given;
    this.#own = ownerNow(draft, given);
    this.#schema = draft.context.schema.versions.get(given.mutation.schema) ?? draft.context.schema;
    this.fact = given.mutation.changes.some((change) => this.rules(change.collection)?.kind === 'fact');
  }

  rules(name: string): Collection | undefined {
    return collectionFor(this.#draft.context.schema, this.#schema, name);
  }

  /** The collection as the writer's schema has it. */
  written(name: string): Collection | undefined {
    return collectionIn(this.#schema, name);
  }

  /** Records that differ from how they stood, in the order in which the mutation came to them. */
  changed(): Tried[] {
    return [...this.after.values()].filter(({ stood, body, moves }) => {
      if (!stood || moves) return true;
      if (stood.body === null || body === null) return stood.body !== body;
      return !equalJson(stood.body, body);
    });
  }

  /** Tries one change; a problem refuses the whole mutation. */
  change(made: Change, place: number): Problem<VerdictCode> | undefined {
    if (made.type === 'resolve') {
      const message = 'An answer to a conflict stands alone in its mutation.';
      return { code: 'malformed_mutation', field: `changes[${place}]`, message };
    }
    // A version that the scope has not reached is none that anybody saw.
    const change = (made.base ?? 0) > this.#draft.scope.head ? { ...made, base: 0 } : made;
    const collection = this.rules(change.collection);
    if (!collection) {
      return {
        code: 'collection_unknown',
        field: `changes[${place}].collection`,
        message: `The schema has no collection ${change.collection}.`,
      };
    }
    const crowded = this.#crowded(change.collection);
    if (crowded) return { ...crowded, field: `changes[${place}].collection` };
    const key = recordKey(change.collection, change.id);
    const before = this.after.get(key) ?? this.#draft.record(change.collection, change.id);
    const mine = this.#given.forced.has(key) ? null : this.#ownConflict(change);
    const decision = before === undefined ? undefined : this.#decide(change, { key, collection, before });
    if (before === undefined || mine === undefined || !decision || decision.type === 'needsBase') {
      this.incomplete = true;
      return undefined;
    }
    const conflict = (found: FoundConflict): CaseConflict => ({
      change: this.ruled?.kept ?? change,
      found,
      before,
      into: mine?.id ?? null,
    });
    if (decision.type === 'ask') this.#askAbout(key, conflict(decision.conflict));
    else if (!this.#goesOn && this.#staysWith(key, mine, change))
      this.#askAbout(key, conflict({ fields: [], base: {}, policy: 'ask' }));
    else if (decision.type === 'refuse') return this.#refuse(decision, place, conflict);
    else this.#write(decision, { key, change, before, conflict });
    return undefined;
  }

  /** Whether a client names one more collection than the scope has room for. */
  #crowded(name: string): Omit<Problem<VerdictCode>, 'field'> | undefined {
    const { schema, limits } = this.#draft.context;
    if (schema.collections.has(name)) return undefined;
    const names = this.#draft.collections();
    if (!names) this.incomplete = true;
    const here = [...this.after.values()].map(({ record }) => record.collection);
    const named = new Set([...(names ?? []), ...here].filter((other) => !schema.collections.has(other)));
    if (named.size < limits.collectionsNamedMax || named.has(name)) return undefined;
    return { code: 'collections_too_many', message: verdictCodes.collections_too_many.meaning };
  }

  /** The open conflict of this writer about the record: null if none, undefined while that is not loaded. */
  #ownConflict(change: RecordChange): StoredConflict | null | undefined {
    const open = this.#draft.openConflicts(change.collection, change.id);
    return open && (open.find((conflict) => isIdOf(this.#given.own, conflict.writer)) ?? null);
  }

  /** Whether it goes where earlier changes of the record went: into a conflict whose other side its writer has not seen. */
  #staysWith(key: string, mine: StoredConflict | null, change: RecordChange): boolean {
    if (this.#asked.has(key)) return true;
    return mine !== null && (change.base ?? 0) < mine.serverVersion;
  }

  /** A conflict holds nothing of it back: of a fact, and of what nobody could tell a later verdict. */
  get #goesOn(): boolean {
    return this.fact || this.#given.declared !== undefined;
  }

  #askAbout(key: string, conflict: CaseConflict): void {
    this.#asked.add(key);
    (this.#goesOn ? this.open : this.ask).push(conflict);
    if (this.#goesOn)
      this.#flag(conflict, { code: 'conflict_open', message: verdictCodes.conflict_open.meaning });
  }

  #decide(
    change: RecordChange,
    { key, collection, before }: { key: string; collection: Collection; before: Live | null },
  ): Decision | undefined {
    const draft = this.#draft;
    const given = this.#given;
    if (given.declared) {
      const { madeAt, own } = given;
      const by = { writer: own.writer, own: this.#own, madeAt, collection };
      this.ruled = ruleCase(draft, change as DeclaredChange, { ...given.declared, ...by, live: before });
      return this.ruled?.decision;
    }
    const forced = given.forced.get(key);
    const context = {
      collection,
      id: change.id,
      writerFields: fieldsOf(this.written(change.collection) ?? collection),
      own: this.#own,
      madeAt: given.madeAt,
      ...(forced ? { forced } : {}),
    };
    const standing = before && { ...before.record, body: before.body };
    const decision = decide(change, standing, { ...context, atBase: undefined });
    if (decision.type !== 'needsBase') return decision;
    const atBase = draft.atBase(before, change.collection, change.id, change.base ?? 0);
    return atBase === undefined ? undefined : decide(change, standing, { ...context, atBase });
  }

  #refuse(
    decision: Extract<Decision, { type: 'refuse' }>,
    place: number,
    conflict: (found: FoundConflict) => CaseConflict,
  ): Problem<VerdictCode> | undefined {
    const { code, message } = decision;
    if (!this.fact || this.#given.decided) {
      return { code, field: `changes[${place}]${decision.field ? `.${decision.field}` : ''}`, message };
    }
    // A fact's change that cannot be done is kept whole, and flagged.
    const kept = conflict({ fields: [], base: {}, policy: 'server', unapplied: true });
    this.merged.push(kept);
    this.#flag(kept, { code, message, ...(decision.field === undefined ? {} : { field: decision.field }) });
    return undefined;
  }

  #flag(kept: CaseConflict, why: Pick<Exception, 'code' | 'field' | 'message'>): void {
    const { collection, id } = kept.change;
    this.flags.push({ exception: { ...why, collection, id }, kept });
  }

  #write(
    decision: Extract<Decision, { type: 'write' }>,
    at: {
      key: string;
      change: RecordChange;
      before: Live | null;
      conflict: (found: FoundConflict) => CaseConflict;
    },
  ): void {
    const { body, fields } = decision;
    const { key, change, before } = at;
    if (decision.conflict) this.#noteMerge(at.conflict(decision.conflict));
    const moves = this.ruled?.moves ?? false;
    if (!moves && (fields.length === 0 || (before === null && body === null))) return;
    const tried = this.after.get(key);
    this.after.set(key, {
      record: nextVersion(change, before?.record ?? null, decision, {
        ...this.#given,
        recordMadeAt: this.ruled?.madeAt,
        seq: this.#draft.scope.head + 1,
        touchedFieldsMax: this.#draft.context.limits.touchedFieldsMax,
      }),
      body,
      stood: tried ? tried.stood : before,
      asPut: change.type === 'put' && typeof fields === 'string' && !this.#given.declared,
      moves,
    });
  }

  #noteMerge(merged: CaseConflict): void {
    this.merged.push(merged);
    if (merged.found.unapplied && this.fact && !this.#given.declared)
      this.#flag(merged, { code: 'record_deleted', message: verdictCodes.record_deleted.meaning });
  }
}

function fieldsOf({ fields: { shape } }: Collection): DecideContext['writerFields'] {
  return { has: (field) => Object.hasOwn(shape, field) };
}

/**
 * Server order decides: what a replica wrote while a mutation of its lay before a person is concurrent with that, although its own.
 * Not so what lay there, too, and was let go a moment ago, in the order in which it had come.
 */
function ownerNow(draft: Draft, { own, askedAt }: Case): Owner {
  // What stood before a held mutation may have been let go, and so committed, under another id.
  const { repeated = [] } = (own.writer !== serverWriter && draft.replica(own.writer)) || {};
  const owner = ownerOf(own, repeated);
  if (askedAt === undefined) return owner;
  return { has: (writer, seq) => owner.has(writer, seq) && (seq <= askedAt || draft.letGo.has(seq)) };
}
