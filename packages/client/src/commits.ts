// What a write transaction did to what can be watched, told once it is committed. A transaction that fails tells nothing.
//
// It stands at the storage, so no way of writing is left out: what the application reads is the table `records`, whoever writes it.
// A report is plain data: another tab or process that shares the storage can be handed the same one.

import { canonicalJson, type Json, type JsonObject } from '@holdfast/core';
import type { VisibleRecord } from './recompute.ts';
import type { Storage, StorageEntry, StorageKey, StorageTable, StorageTransaction } from './storage/port.ts';

/** How one visible record stood before a transaction and stands after it; undefined: it was not there, or is gone. */
export interface Move {
  id: string;
  before: JsonObject | undefined;
  after: JsonObject | undefined;
}

export interface Commit {
  /** The scopes of which anything was written; all: facts about the replica itself were. */
  scopes: readonly string[] | 'all';
  /** Collections whose records moved; all: any may have. */
  collections: readonly CollectionMoves[] | 'all';
}

export interface CollectionMoves {
  scope: string;
  /** Undefined: any of the scope's. */
  name: string | undefined;
  /** Undefined: any of its records may have moved. */
  moves: readonly Move[] | undefined;
}

export interface CommitObserver {
  /** Whether anybody watches anything; if not, nothing is noted. */
  isWatching(): boolean;
  /** Whether anybody watches records of this collection; if not, their moves are not noted one by one. */
  watchesCollection(scope: string, name: string): boolean;
  onCommit(commit: Commit): void;
}

/** The same storage, whose write transactions are reported. */
export function observedStorage(storage: Storage, observer: CommitObserver): Storage {
  return {
    async transaction(mode, work) {
      if (mode === 'read') return storage.transaction(mode, work);
      let notes: Notes | undefined;
      const result = await storage.transaction(mode, (tx) => {
        if (!observer.isWatching()) return work(tx);
        notes = new Notes(observer);
        return work(new NotedTransaction(tx, notes));
      });
      // Somebody who came while nothing was noted may have read what was there before.
      if (observer.isWatching()) observer.onCommit(notes?.commit() ?? { scopes: 'all', collections: 'all' });
      return result;
    },
    close: () => storage.close(),
  };
}

/** Beyond so many moves in one collection, only that there were many is told: memory stays bounded in a run of any length. */
const movesMax = 1_000;

/** A record's canonical texts; undefined: it is not there. */
interface Texts {
  before: string | undefined;
  after: string | undefined;
}

class Notes {
  readonly #observer: CommitObserver;
  readonly #scopes = new Set<string>();
  #isReplica = false;
  /** Scope → collection → id → how it moved. */
  readonly #moved = new Map<string, Map<string, Map<string, Texts> | 'any'>>();

  constructor(observer: CommitObserver) {
    this.#observer = observer;
  }

  touch(table: StorageTable, [scope]: StorageKey): void {
    if (table === 'meta' || scope === undefined) this.#isReplica = true;
    else this.#scopes.add(scope);
  }

  /** Which of these records have to be read before they are written. */
  unknown(keys: readonly StorageKey[]): StorageKey[] {
    return keys.filter(([scope = '', collection = '', id = '']) => {
      const noted = this.#of(scope, collection);
      if (noted !== 'any' && noted.size >= movesMax && !noted.has(id)) this.#any(scope, collection);
      return noted !== 'any' && !noted.has(id) && this.#of(scope, collection) !== 'any';
    });
  }

  before([scope = '', collection = '', id = '']: StorageKey, value: Json | undefined): void {
    const text = textOf(value);
    const noted = this.#of(scope, collection);
    if (noted !== 'any') noted.set(id, { before: text, after: text });
  }

  after([scope = '', collection = '', id = '']: StorageKey, value: Json | undefined): void {
    const noted = this.#of(scope, collection);
    const texts = noted === 'any' ? undefined : noted.get(id);
    if (texts) texts.after = textOf(value);
  }

  /** All records of a scope, or of one of its collections, are deleted. */
  clear([scope = '', collection]: StorageKey): void {
    this.#any(scope, collection ?? anyCollection);
  }

  commit(): Commit {
    const collections: CollectionMoves[] = [];
    for (const [scope, inScope] of this.#moved) {
      for (const [name, noted] of inScope) {
        const moves = noted === 'any' ? undefined : movesOf(noted);
        if (moves?.length !== 0)
          collections.push({ scope, name: name === anyCollection ? undefined : name, moves });
      }
    }
    return { scopes: this.#isReplica ? 'all' : [...this.#scopes], collections };
  }

  #of(scope: string, collection: string): Map<string, Texts> | 'any' {
    const inScope = this.#inScope(scope);
    let noted = inScope.get(collection);
    if (!noted) {
      // Who comes later, while this transaction is open, may have read what was there before it: then any record may have moved.
      noted = this.#observer.watchesCollection(scope, collection) ? new Map() : 'any';
      inScope.set(collection, noted);
    }
    return noted;
  }

  #any(scope: string, collection: string): void {
    this.#inScope(scope).set(collection, 'any');
  }

  #inScope(scope: string): Map<string, Map<string, Texts> | 'any'> {
    const inScope = this.#moved.get(scope) ?? new Map<string, Map<string, Texts> | 'any'>();
    this.#moved.set(scope, inScope);
    return inScope;
  }
}

/** No collection has this name. */
const anyCollection = '';

/** The texts are the values as they were when they were written: the application may have changed its objects since. */
function textOf(value: Json | undefined): string | undefined {
  return value === undefined ? undefined : canonicalJson((value as unknown as VisibleRecord).body);
}

/** A new version of the same content is no move. */
function movesOf(noted: ReadonlyMap<string, Texts>): Move[] {
  const bodyOf = (text: string | undefined): JsonObject | undefined =>
    text === undefined ? undefined : JSON.parse(text);
  return [...noted]
    .filter(([, { before, after }]) => before !== after)
    .map(([id, { before, after }]) => ({ id, before: bodyOf(before), after: bodyOf(after) }));
}

class NotedTransaction implements StorageTransaction {
  readonly #tx: StorageTransaction;
  readonly #notes: Notes;

  constructor(tx: StorageTransaction, notes: Notes) {
    this.#tx = tx;
    this.#notes = notes;
  }

  get(table: StorageTable, key: StorageKey): Promise<Json | undefined> {
    return this.#tx.get(table, key);
  }

  getMany(table: StorageTable, keys: readonly StorageKey[]): Promise<readonly (Json | undefined)[]> {
    return this.#tx.getMany(table, keys);
  }

  scan(...given: Parameters<StorageTransaction['scan']>): Promise<readonly StorageEntry[]> {
    return this.#tx.scan(...given);
  }

  count(...given: Parameters<StorageTransaction['count']>): Promise<number> {
    return this.#tx.count(...given);
  }

  async put(table: StorageTable, key: StorageKey, value: Json): Promise<void> {
    this.#notes.touch(table, key);
    if (table === 'records') await this.#noteRecords([{ key, value }]);
    await this.#tx.put(table, key, value);
  }

  async putMany(table: StorageTable, entries: readonly StorageEntry[]): Promise<void> {
    for (const { key } of entries) this.#notes.touch(table, key);
    if (table === 'records') await this.#noteRecords(entries);
    await this.#tx.putMany(table, entries);
  }

  async delete(table: StorageTable, key: StorageKey): Promise<void> {
    this.#notes.touch(table, key);
    if (table === 'records') await this.#noteRecords([{ key, value: undefined }]);
    await this.#tx.delete(table, key);
  }

  async deleteAll(table: StorageTable, prefix: StorageKey): Promise<void> {
    this.#notes.touch(table, prefix);
    if (table === 'records') this.#notes.clear(prefix);
    await this.#tx.deleteAll(table, prefix);
  }

  async #noteRecords(writes: readonly { key: StorageKey; value: Json | undefined }[]): Promise<void> {
    const unknown = this.#notes.unknown(writes.map(({ key }) => key));
    if (unknown.length > 0) {
      const values = await this.#tx.getMany('records', unknown);
      for (const [at, key] of unknown.entries()) this.#notes.before(key, values[at]);
    }
    for (const { key, value } of writes) this.#notes.after(key, value);
  }
}
