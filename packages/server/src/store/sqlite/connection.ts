// One connection to SQLite: prepared statements kept by their text, SQLite's errors as StoreErrors, and writes of many
// rows by one statement.

import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { storeErrorOf } from './errors.ts';

/** Is told the text of each statement as it runs; tests count them. */
export type Observe = (statement: string) => void;

export interface ConnectionOptions {
  /** Null: a database in memory, which ends with the connection. */
  file: string | null;
  readOnly?: boolean;
  /** How long a statement waits for another process before it fails with `busy`. */
  busyMsMax: number;
  observe?: Observe | undefined;
}

export class Connection {
  readonly #database: DatabaseSync;
  readonly #busyMsMax: number;
  readonly #observe: Observe | undefined;
  readonly #statements = new Map<string, StatementSync>();
  #bulkChars = 0;

  constructor(options: ConnectionOptions) {
    this.#busyMsMax = options.busyMsMax;
    this.#observe = options.observe;
    this.#database = caught(
      () =>
        new DatabaseSync(options.file ?? ':memory:', {
          timeout: options.busyMsMax,
          readOnly: options.readOnly ?? false,
        }),
    );
  }

  /** For node:sqlite's own functions, such as its backup. */
  get database(): DatabaseSync {
    return this.#database;
  }

  /** Of all texts that were given to `bulk`. */
  get bulkChars(): number {
    return this.#bulkChars;
  }

  get inTransaction(): boolean {
    return this.#database.isTransaction;
  }

  /** Runs statements that give no rows and take no values. */
  exec(sql: string): void {
    this.#observe?.(sql);
    caught(() => this.#database.exec(sql));
  }

  /** Answers how many rows were changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    this.#observe?.(sql);
    return caught(() => Number(this.#prepared(sql).run(...values).changes));
  }

  get<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined {
    this.#observe?.(sql);
    return caught(() => this.#prepared(sql).get(...values) as Row | undefined);
  }

  all<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
    this.#observe?.(sql);
    return caught(() => this.#prepared(sql).all(...values) as Row[]);
  }

  /** Reads row by row, so that the caller can stop early. */
  *iterate<Row>(sql: string, ...values: SQLInputValue[]): Generator<Row, void, undefined> {
    this.#observe?.(sql);
    const rows = caught(() => this.#prepared(sql).iterate(...values));
    try {
      for (;;) {
        const { done, value } = caught(() => rows.next());
        if (done) return;
        yield value as Row;
      }
    } finally {
      rows.return?.();
    }
  }

  /**
   * Runs a statement that reads its rows from `jsonb_each(?1)`, each an array of values. One run takes all of them unless
   * their text is very long; nothing runs when there are none.
   */
  bulk(sql: string, rows: readonly (readonly unknown[])[], ...values: SQLInputValue[]): number {
    let changes = 0;
    for (const text of jsonTexts(rows)) {
      this.#bulkChars += text.length;
      changes += this.run(sql, text, ...values);
    }
    return changes;
  }

  /** Runs `work` so that what another process holds is an error, or an answer, at once. */
  withoutWaiting<Result>(work: () => Result): Result {
    this.exec('PRAGMA busy_timeout = 0');
    try {
      return work();
    } finally {
      this.exec(`PRAGMA busy_timeout = ${this.#busyMsMax}`);
    }
  }

  close(): void {
    this.#statements.clear();
    if (this.#database.isOpen) caught(() => this.#database.close());
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

/** SQLite takes texts up to 10⁹ bytes; far below that, the copies that a long one makes on its way cost more than a second run. */
const textCharsMax = 16 * 1024 * 1024;

function jsonTexts(rows: readonly (readonly unknown[])[]): string[] {
  const texts: string[] = [];
  let part: string[] = [];
  let chars = 0;
  for (const row of rows) {
    const text = JSON.stringify(row);
    if (part.length > 0 && chars + text.length > textCharsMax) {
      texts.push(`[${part.join(',')}]`);
      part = [];
      chars = 0;
    }
    part.push(text);
    chars += text.length;
  }
  if (part.length > 0) texts.push(`[${part.join(',')}]`);
  return texts;
}

function caught<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw storeErrorOf(error);
  }
}
