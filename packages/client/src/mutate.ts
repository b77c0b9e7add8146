// One mutation: its changes are written to the visible records as they are made, and to the outbox at its end, all in one
// durable transaction. What throws undoes all of it.

import {
  type Change,
  type Clock,
  type Collection,
  type JsonObject,
  type Limits,
  type Mutation,
  priorityOf,
  type Random,
  type RecordChange,
  recordKey,
  type Timer,
  type TimerHandle,
} from '@holdfast/core';
import { v7 as uuidv7 } from 'uuid';
import { assertName } from './assert-name.ts';
import { ReplicaError, unknownCollection } from './errors.ts';
import type { Inside } from './inside.ts';
import { makeChange, type Wish } from './make-change.ts';
import { type Decision, makeDecision } from './make-decision.ts';
import { appendEntry, countEntry, type OutboxEntry } from './outbox.ts';
import { envelopeBytes } from './prepare.ts';
import { type Progress, readProgress, readServerClock, writeProgress } from './progress.ts';
import { ensureShadow, readStood, type ScopeDeps, writeVisible } from './recompute.ts';
import type { Sending } from './sending.ts';
import type { Storage, StorageTransaction } from './storage/port.ts';
import { foldChanges } from './view.ts';

export interface MutateDeps extends ScopeDeps {
  storage: Storage;
  clock: Clock;
  random: Random;
  limits: Limits;
  session: string;
  timer: Timer;
  inside: Inside;
  actor(): string | undefined;
  sending: Sending;
  /** Whether the server is out of reach, as far as is known. */
  isOffline(): boolean;
}

/** A new time-ordered id (UUID version 7) of the device's wall clock. */
export function newId({ clock, random }: Pick<MutateDeps, 'clock' | 'random'>): string {
  return uuidv7({ msecs: Math.min(Math.floor(clock.wallMs()), idMsMax), random: random.bytes(16) });
}

export interface MutateOptions {
  /** 1 to 10, a whole number: how urgent it is, instead of what the schema says of its records. */
  priority?: number;
}

/**
 * Runs `work` with a draft; what it does becomes one mutation, or none when it changes nothing. `work` may await nothing but
 * the draft's methods: a transaction of IndexedDB ends by itself otherwise, and other writes wait meanwhile.
 */
export async function runMutation<Result>(
  deps: MutateDeps,
  work: (draft: MutationDraft) => Promise<Result>,
  { priority }: MutateOptions = {},
): Promise<Result> {
  if (priority !== undefined && !(Number.isInteger(priority) && priority >= 1 && priority <= 10))
    throw new RangeError('priority is a whole number from 1 to 10.');
  const { result, committed } = await deps.storage.transaction('durable', async (tx) => {
    const progress = await readProgress(tx, deps.scope);
    if (progress.ended)
      throw new ReplicaError('no_grant', { message: `The grant to the scope ${deps.scope} has ended.` });
    const draft = new MutationDraft(deps, tx, progress);
    try {
      const result = await inTime(deps.timer, () => deps.inside.run(() => work(draft)));
      return { result, committed: (await draft.finish(priority)) ?? deps.sending.written };
    } finally {
      draft.end();
    }
  });
  committed();
  return result;
}

/** The changes of a mutation while it is made. Its methods run one after the other, in the order of the calls. */
export class MutationDraft {
  readonly #deps: MutateDeps;
  readonly #tx: StorageTransaction;
  readonly #changes: Change[] = [];
  #shown: readonly RecordChange[] | undefined;
  #priority = 1;
  #over = false;
  #last: Promise<unknown> = Promise.resolve();
  #running = 0;
  #finishing = false;
  #failure: { error: unknown } | undefined;
  /** The id that the mutation will have. */
  readonly id: string;
  /** The scope's, written back when the mutation ends with changes. */
  readonly progress: Progress;

  constructor(deps: MutateDeps, tx: StorageTransaction, progress: Progress) {
    this.#deps = deps;
    this.#tx = tx;
    this.progress = progress;
    this.id = newId(deps);
  }

  /** Reads, with the mutation's own changes, or writes besides them. */
  within<Result>(work: (tx: StorageTransaction) => Promise<Result>): Promise<Result> {
    return this.#inTurn(() => work(this.#tx));
  }

  /** Makes one change. Answers the record as it is then; undefined when it is gone. */
  change(collection: Collection, id: string, wish: Wish): Promise<JsonObject | undefined> {
    return this.#inTurn(() => this.#change(collection, id, wish));
  }

  /** Answers a conflict, alone in the mutation. */
  resolve(about: { collection: string; id: string }, decision: Decision): Promise<void> {
    return this.#inTurn(() => this.#resolve(about, decision));
  }

  /** Answers how to begin sending it, if it is sent at once. */
  async finish(priority?: number): Promise<(() => void) | undefined> {
    // A call that was not awaited still belongs to the mutation, and so does its failure.
    this.#finishing = true;
    while (this.#running > 0) await this.#last;
    if (this.#failure) throw this.#failure.error;
    if (this.#changes.length === 0) return undefined;
    const entry = this.#entry(await readServerClock(this.#tx), priority ?? this.#priority);
    const bytesMax = this.#deps.limits.bodyBytesMax - envelopeBytes;
    if (entry.bytes > bytesMax) {
      throw new ReplicaError('mutation_too_large', {
        message: `A mutation has at most ${bytesMax} bytes of JSON.`,
      });
    }
    const { progress } = this;
    const begin =
      progress.pending === 0 ? await this.#deps.sending.begin(this.#tx, { progress, entry }) : undefined;
    await appendEntry(this.#tx, this.#deps.scope, begin ? { ...entry, state: 'sent' } : entry);
    countEntry(progress, undefined, entry);
    await writeProgress(this.#tx, this.#deps.scope, progress);
    return begin;
  }

  end(): void {
    this.#over = true;
  }

  async #change(collection: Collection, id: string, wish: Wish): Promise<JsonObject | undefined> {
    const { limits, schema } = this.#deps;
    if (this.#changes.length >= limits.mutationChangesMax) {
      throw new ReplicaError('mutation_too_large', {
        message: `A mutation has at most ${limits.mutationChangesMax} changes.`,
      });
    }
    const stood = await readStood(this.#tx, this.#deps, collection.name, id);
    const standing = { body: stood.visible?.body ?? null, version: stood.server.version };
    const made = makeChange(wish, standing, { schema, collection, id, limits });
    if (made.type === 'problem')
      throw new ReplicaError(made.problem.code, { ...made.problem, collection: collection.name });
    if (made.type === 'nothing') return stood.visible?.body;
    await ensureShadow(this.#tx, this.#deps, recordKey(collection.name, id), stood);
    const after = made.after === null ? undefined : { version: stood.server.version, body: made.after };
    await writeVisible(this.#tx, this.#deps, {
      collection: collection.name,
      id,
      before: stood.visible,
      after,
    });
    this.#changes.push(made.change);
    const shown = made.after ?? stood.visible?.body ?? {};
    this.#priority = Math.max(this.#priority, priorityOf(collection, { ...shown, id }));
    return made.after ?? undefined;
  }

  async #resolve(about: { collection: string; id: string }, decision: Decision): Promise<void> {
    const { limits, schema } = this.#deps;
    const collection = schema.collections.get(about.collection);
    if (!collection) throw unknownCollection(about.collection);
    const stood = await readStood(this.#tx, this.#deps, collection.name, about.id);
    const { version } = stood.server;
    const body = stood.visible?.body ?? null;
    const made = makeDecision(decision, { body, version }, { schema, collection, id: about.id, limits });
    if (made.type === 'problem')
      throw new ReplicaError(made.problem.code, { ...made.problem, collection: collection.name });
    this.#changes.push(made.change);
    this.#shown = made.shown;
    this.#priority = Math.max(this.#priority, priorityOf(collection, { ...body, id: about.id }));
    await ensureShadow(this.#tx, this.#deps, recordKey(collection.name, about.id), stood);
    const writes = made.shown.map((change) => ({ change, schema: schema.version }));
    const shown = foldChanges(schema, body, writes);
    const after = shown === null ? undefined : { version, body: shown };
    await writeVisible(this.#tx, this.#deps, { ...about, before: stood.visible, after });
  }

  #entry(server: { offset: number; seen: number }, priority: number): OutboxEntry {
    const { clock, session, schema } = this.#deps;
    const actor = this.#deps.actor();
    if (actor !== undefined) assertName('The actor', actor, this.#deps.limits.idCharsMax);
    this.progress.place += 1;
    const mutation: Mutation = {
      id: this.id,
      schema: schema.version,
      ...(actor === undefined ? {} : { actor }),
      made: { wall: Math.round(clock.wallMs()), mono: Math.round(clock.monoMs()), session, ...server },
      changes: this.#changes,
    };
    const bytes = utf8Bytes(JSON.stringify(mutation));
    const shown = this.#shown && { shown: this.#shown };
    return {
      place: this.progress.place,
      mutation,
      state: 'unsent',
      priority,
      bytes,
      ...(this.#deps.isOffline() ? { madeOffline: true as const } : {}),
      ...shown,
    };
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const run = async (): Promise<Result> => {
      if (this.#over) throw new ReplicaError('mutation_over');
      return work();
    };
    this.#running += 1;
    const result = this.#last.then(run);
    this.#last = result.then(
      () => this.#ran(),
      (error: unknown) => this.#ran(error),
    );
    // A promise of its own: the failure of a call that nobody awaits is then reported as unhandled.
    return result.then((value) => value);
  }

  #ran(error?: unknown): void {
    this.#running -= 1;
    // A refused call changed nothing, and the application may go on without it. Any other fault ends the mutation.
    const refused = error instanceof ReplicaError && !this.#finishing;
    if (error !== undefined && !refused) this.#failure ??= { error };
  }
}

/** An id has 48 bits for its time. */
const idMsMax = 2 ** 48 - 1;

/** The length of a text in UTF-8, without encoding it. */
function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit >= 0x800 && (unit < 0xd800 || unit > 0xdfff)) bytes += 2;
    else if (unit >= 0x80) bytes += 1;
  }
  return bytes;
}

/** A mutation that awaits what itself waits for the mutation's end would keep every write of the replica waiting for ever. */
const workMsMax = 30_000;

async function inTime<Result>(timer: Timer, work: () => Promise<Result>): Promise<Result> {
  let limit: TimerHandle | undefined;
  const late = new Promise<never>((_, reject) => {
    limit = timer.after(workMsMax, () => reject(new ReplicaError('mutation_stuck')));
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    limit?.cancel();
  }
}
