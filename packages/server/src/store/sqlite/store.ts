// The store on SQLite: one connection that writes, one that reads, and the order in which work gets them.
// A database in memory has one connection for both.

import type { Timer } from '@holdfast/core';
import {
  type IdentityStore,
  type Life,
  type Store,
  StoreError,
  type StoreSnapshot,
  type StoreTransaction,
} from '../port.ts';
import { backUp } from './backup.ts';
import type { Connection } from './connection.ts';
import { closedError, spoilsConnection } from './errors.ts';
import { createIdentityStore } from './identity.ts';
import { writeMeta } from './migrate.ts';
import { SqliteSnapshot } from './snapshot.ts';
import { SqliteTransaction } from './transaction.ts';
import { Turns } from './turns.ts';
import { Wal, type WalBounds } from './wal.ts';

const probeKey = 'probe';
/** Takes pages of its own: a row that is changed in its place can be written when nothing else can. */
const probeCharsMin = 65_536;
const probeCharsMax = 8_388_608;
/** What a commit takes of the file and its log, over what it was given. */
const probeFactor = 2;

export interface SqliteStoreDeps {
  life: Life;
  /** The first connection that writes; absent where none may. */
  writer?: Connection;
  /** Opens further connections, also in the place of one that was spoilt. */
  connect: (role: 'writer' | 'reader') => Connection;
  inMemory: boolean;
  readersPerScopeMax: number;
  walBounds: WalBounds;
  timer?: Timer | undefined;
}

export class SqliteStore implements Store {
  readonly life: Life;
  readonly oneWriter = true;
  readonly identity: IdentityStore;
  readonly #deps: SqliteStoreDeps;
  readonly #writes = new Turns();
  readonly #reads: Turns;
  readonly #wal: Wal | undefined;
  #writer: Connection | undefined;
  #reader: Connection | undefined;
  /** How much room a probe asks for. */
  #probeChars = probeCharsMin;
  /** Why nothing more is taken. */
  #end: StoreError | undefined;

  constructor(deps: SqliteStoreDeps) {
    this.#deps = deps;
    this.life = deps.life;
    this.#writer = deps.writer;
    this.identity = createIdentityStore((work) => this.#commit(async (connection) => work(connection)));
    this.#reads = deps.inMemory ? this.#writes : new Turns();
    if (deps.inMemory) return;
    this.#wal = new Wal({
      bounds: deps.walBounds,
      noReads: () => this.#reads.idle,
      betweenCommits: (work) => void this.#writes.take(async () => this.#tend(work)),
      timer: deps.timer,
    });
  }

  commit<Result>(work: (transaction: StoreTransaction) => Promise<Result>): Promise<Result> {
    return this.#commit(async (connection) => {
      const transaction = new SqliteTransaction(connection, this.#deps);
      try {
        return await work(transaction);
      } finally {
        transaction.end();
      }
    });
  }

  read<Result>(work: (snapshot: StoreSnapshot) => Promise<Result>): Promise<Result> {
    if (this.#end) return Promise.reject(this.#end);
    return this.#reads.take(() =>
      this.#within('BEGIN', 'reader', async (connection) => {
        const snapshot = new SqliteSnapshot(connection);
        try {
          return await work(snapshot);
        } finally {
          snapshot.end();
        }
      }),
    );
  }

  async probe(): Promise<void> {
    // Two commits: what is written and removed in one needs no room.
    const text = 'x'.repeat(this.#probeChars);
    await this.#commit(async (connection) => writeMeta(connection, probeKey, text));
    await this.#commit(async (connection) => connection.run('DELETE FROM hf_meta WHERE key = ?', probeKey));
  }

  async backup(file: string): Promise<{ bytes: number }> {
    if (this.#end) throw this.#end;
    const { inMemory, connect } = this.#deps;
    // A database in memory is one connection, and a copy taken within a commit would hold half of it.
    if (inMemory) return this.#writes.take(() => backUp(this.#connection('writer'), file));
    const own = connect('reader');
    try {
      return await backUp(own, file);
    } finally {
      own.close();
    }
  }

  async close(): Promise<void> {
    this.#end ??= closedError();
    await Promise.all([this.#writes.take(async () => {}), this.#reads.take(async () => {})]);
    this.#wal?.stop();
    // After a failed fsync the files stay as they are: closing them would copy the log, and the process ends anyway.
    if (this.#end.code === 'fsync') return;
    if (this.#writer) this.#tend((connection) => this.#wal?.cut(connection));
    this.#reader?.close();
    this.#writer?.close();
    this.#reader = undefined;
    this.#writer = undefined;
  }

  #commit<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result> {
    if (this.#end) return Promise.reject(this.#end);
    return this.#writes.take(async () => {
      const before = this.#writer?.bulkChars ?? 0;
      try {
        const result = await this.#within('BEGIN IMMEDIATE', 'writer', work);
        this.#probeChars = probeCharsMin;
        this.#tend((connection) => this.#wal?.tend(connection));
        return result;
      } catch (error) {
        if (error instanceof StoreError && error.code === 'full') {
          const wanted = ((this.#writer?.bulkChars ?? 0) - before) * probeFactor;
          this.#probeChars = Math.min(probeCharsMax, Math.max(this.#probeChars, wanted));
        }
        throw error;
      }
    });
  }

  /** Runs work in a transaction. Whatever fails, all of it is undone, and the error comes back. */
  async #within<Result>(
    begin: string,
    role: 'writer' | 'reader',
    work: (connection: Connection) => Promise<Result>,
  ): Promise<Result> {
    const connection = this.#connection(role);
    try {
      connection.run(begin);
      const result = await work(connection);
      connection.run('COMMIT');
      return result;
    } catch (error) {
      try {
        if (connection.inTransaction) connection.run('ROLLBACK');
      } catch {
        // SQLite has rolled back by itself, or the connection is spoilt and is given up below.
      }
      this.#note(error, role);
      throw error;
    }
  }

  /** Work on the log after a commit: a failure is not the commit's, which is durable. */
  #tend(work: (connection: Connection) => void): void {
    if (this.#end && this.#end.code !== 'closed') return;
    try {
      work(this.#connection('writer'));
    } catch (error) {
      this.#note(error, 'writer');
    }
  }

  #note(error: unknown, role: 'writer' | 'reader'): void {
    if (!(error instanceof StoreError)) return;
    // Linux reports a failed fsync once and forgets what was not written; a later success would be a lie.
    if (error.code === 'fsync') this.#end = error;
    if (!this.#deps.inMemory && spoilsConnection(error)) this.#drop(role);
  }

  #drop(role: 'writer' | 'reader'): void {
    const connection = role === 'writer' ? this.#writer : this.#reader;
    if (role === 'writer') this.#writer = undefined;
    else this.#reader = undefined;
    try {
      connection?.close();
    } catch {
      // It is given up either way.
    }
  }

  #connection(role: 'writer' | 'reader'): Connection {
    if (this.#end && this.#end.code !== 'closed') throw this.#end;
    if (role === 'writer' || this.#deps.inMemory) {
      this.#writer ??= this.#deps.connect('writer');
      return this.#writer;
    }
    this.#reader ??= this.#deps.connect('reader');
    return this.#reader;
  }
}
