// One SQLite connection as a driver of the storage port.
//
// Reads outside of a write need no transaction: this connection is the only one that writes (see sqlite-lock.ts), so nothing
// changes between two of them while no write has its turn. An open read transaction would keep the WAL from being emptied, and a
// reader that awaits something else would let it grow without bound.

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Json } from '@holdfast/core';
import { type StorageEntry, StorageError, type StorageKey, type StorageTable } from '../storage/port.ts';
import type { Range } from '../storage/range.ts';
import type { SyncDriver } from '../storage/sync-storage.ts';
import { isLostWrite, storageFault } from './sqlite-fault.ts';
import type { FileLock } from './sqlite-lock.ts';
import { keyColumns, sqlTable } from './sqlite-tables.ts';

export class SqliteDriver implements SyncDriver {
  readonly #db: DatabaseSync;
  readonly #lock: FileLock;
  /** SQL → its statement. The texts follow from tables and shapes of ranges, so there is a bounded number of them. */
  readonly #statements = new Map<string, StatementSync>();
  /** The same of scans, by what their texts follow from: building a text would cost as much as running its statement. */
  readonly #scans = new Map<string, StatementSync>();
  #synchronous: 'FULL' | 'NORMAL' | undefined;
  /** Set when data may be lost that SQLite believes to be on the disk; from then on nothing is read or written. */
  #lost: StorageError | undefined;

  constructor(db: DatabaseSync, lock: FileLock) {
    this.#db = db;
    this.#lock = lock;
  }

  get(table: StorageTable, key: StorageKey): Json | undefined {
    return this.#guarded(() => this.#get(table, key));
  }

  getMany(table: StorageTable, keys: readonly StorageKey[]): (Json | undefined)[] {
    return this.#guarded(() => {
      // Alone, each statement takes and gives back the read lock, which is half of its time.
      const own = keys.length > 1 && !this.#db.isTransaction;
      if (own) this.#db.exec('BEGIN');
      try {
        return keys.map((key) => this.#get(table, key));
      } finally {
        if (own) this.rollback();
      }
    });
  }

  scan(table: StorageTable, range: Range): StorageEntry[] {
    const { prefix, lower, upper, limit } = range;
    const bounds = [...(lower?.parts ?? []), ...(upper?.parts ?? [])];
    return this.#guarded(() => {
      const limited = Math.min(limit, Number.MAX_SAFE_INTEGER);
      const found = this.#prepareScan(table, range).all(...prefix, ...bounds, limited);
      return (found as unknown as string[][]).map((columns) => {
        const value = columns.pop();
        return { key: [...prefix, ...columns], value: readValue(value) };
      });
    });
  }

  count(table: StorageTable, range: Range): number {
    const { prefix, lower, upper, limit } = range;
    const bounds = [...(lower?.parts ?? []), ...(upper?.parts ?? [])];
    return this.#guarded(() => {
      const sql = `SELECT count(*) FROM (SELECT 1${behindSelect(table, range)})`;
      const counted = this.#prepare(sql).get(...prefix, ...bounds, Math.min(limit, Number.MAX_SAFE_INTEGER));
      return Number((counted as unknown as number[])[0]);
    });
  }

  put(table: StorageTable, key: StorageKey, value: Json): void {
    this.#guarded(() => this.#prepare(putSql[table]).run(...key, JSON.stringify(value)));
  }

  delete(table: StorageTable, key: StorageKey): void {
    this.deleteAll(table, key);
  }

  deleteAll(table: StorageTable, prefix: StorageKey): void {
    this.#guarded(() => this.#prepare(deleteSql[table][prefix.length] ?? '').run(...prefix));
  }

  /**
   * `durable` commits with an fsync of the WAL, which brings all earlier commits to the disk too; `write` leaves that to the next
   * durable one or to the next checkpoint, so a power cut loses a suffix at most. The switch takes a microsecond; a second
   * connection for the one kind would have to wait for the write lock of the other.
   */
  begin(mode: 'write' | 'durable'): void {
    this.#guarded(() => {
      // A rollback that failed must not let the next transaction join what is left of the former.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      const wanted = mode === 'durable' ? 'FULL' : 'NORMAL';
      if (wanted !== this.#synchronous) this.#db.exec(`PRAGMA synchronous = ${wanted}`);
      this.#synchronous = wanted;
      // A transaction that reads first and writes later fails at once when another has written in between.
      this.#db.exec('BEGIN IMMEDIATE');
    });
  }

  commit(): void {
    this.#guarded(() => this.#db.exec('COMMIT'));
  }

  rollback(): void {
    try {
      this.#db.exec('ROLLBACK');
    } catch {
      // A full disk, among others, has rolled back already, and then there is nothing to roll back.
    }
  }

  close(): void {
    this.#statements.clear();
    this.#scans.clear();
    try {
      this.#db.close();
    } catch (error) {
      throw storageFault(error);
    } finally {
      this.#lock.release();
    }
  }

  #get(table: StorageTable, key: StorageKey): Json | undefined {
    const found = this.#prepare(getSql[table]).get(...key) as unknown as [string] | undefined;
    return found && readValue(found[0]);
  }

  #guarded<Result>(call: () => Result): Result {
    if (this.#lost) throw this.#lost;
    try {
      return call();
    } catch (error) {
      const fault = storageFault(error);
      if (fault instanceof StorageError && isLostWrite(fault)) this.#lost = fault;
      throw fault;
    }
  }

  #prepareScan(table: StorageTable, range: Range): StatementSync {
    const shape = shapeOf(table, range);
    let statement = this.#scans.get(shape);
    if (!statement) {
      statement = this.#prepare(scanSql(table, range));
      this.#scans.set(shape, statement);
    }
    return statement;
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      statement.setReturnArrays(true);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

function readValue(text: string | undefined): Json {
  try {
    return JSON.parse(text ?? '');
  } catch (error) {
    throw new StorageError('corrupt', 'A stored value is no JSON.', { cause: error });
  }
}

/** REPLACE would delete and insert, at four times the cost where there is an entry already. */
const putSql = eachTable((table) => {
  const columns = columnList(keyColumns[table]);
  const marks = '?, '.repeat(keyColumns[table].length);
  return `INSERT INTO ${sqlTable(table)} (${columns}, value) VALUES (${marks}?)
    ON CONFLICT (${columns}) DO UPDATE SET value = excluded.value`;
});

const getSql = eachTable(
  (table) => `SELECT value FROM ${sqlTable(table)}${whereEqual(table, keyColumns[table].length)}`,
);

/** By the number of key parts that are given. */
const deleteSql = eachTable((table) =>
  ['', ...keyColumns[table]].map((_, parts) => `DELETE FROM ${sqlTable(table)}${whereEqual(table, parts)}`),
);

/** Made once: building the text would cost as much as running the statement. */
function eachTable<Made>(make: (table: StorageTable) => Made): Readonly<Record<StorageTable, Made>> {
  const tables = Object.keys(keyColumns) as StorageTable[];
  return Object.fromEntries(tables.map((table) => [table, make(table)])) as Record<StorageTable, Made>;
}

/** All that `scanSql` looks at. */
function shapeOf(table: StorageTable, { prefix, lower, upper, reverse }: Range): string {
  const from = `${lower?.parts.length ?? 0}${lower?.past ? 'past' : ''}`;
  return `${table} ${prefix.length} ${from} ${upper?.parts.length ?? 0}${reverse ? ' reverse' : ''}`;
}

/** A range of the key's tree: equal parts, then a lower and an upper bound as row values, which SQLite looks up in the tree. */
function scanSql(table: StorageTable, range: Range): string {
  const columns = columnList([...keyColumns[table].slice(range.prefix.length), 'value']);
  return `SELECT ${columns}${behindSelect(table, range)}`;
}

function behindSelect(table: StorageTable, { prefix, lower, upper, reverse }: Range): string {
  const rest = keyColumns[table].slice(prefix.length);
  const bound = (cut: { parts: StorageKey } | undefined, operator: string): string => {
    if (!cut || cut.parts.length === 0) return '';
    const bounded = rest.slice(0, cut.parts.length);
    return ` AND (${columnList(bounded)}) ${operator} (${bounded.map(() => '?').join(', ')})`;
  };
  const where = `${whereEqual(table, prefix.length)}${bound(lower, lower?.past ? '>' : '>=')}${bound(upper, '<')}`;
  const order = columnList(rest, reverse ? ' DESC' : '');
  return ` FROM ${sqlTable(table)}${where}${order && ` ORDER BY ${order}`} LIMIT ?`;
}

function whereEqual(table: StorageTable, parts: number): string {
  const equal = keyColumns[table].slice(0, parts).map((column) => `"${column}" = ?`);
  return ` WHERE ${['true', ...equal].join(' AND ')}`;
}

function columnList(columns: readonly string[], suffix = ''): string {
  return columns.map((column) => `"${column}"${suffix}`).join(', ');
}
