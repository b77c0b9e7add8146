// Keeps SQLite's write-ahead log short. SQLite itself would do so inside a COMMIT, and would keep a failed fsync of the
// database file to itself; here it is done between commits, and every failure is seen.

import type { Timer, TimerHandle } from '@holdfast/core';
import type { Connection } from './connection.ts';

export interface WalBounds {
  /** Pages in the log from which they are copied into the database file. */
  copyPagesMin: number;
  /** Pages in the log from which the file itself is cut to nothing: it never shrinks otherwise. */
  cutPagesMin: number;
  /** Time without a commit after which the log is cut. */
  idleMs: number;
}

export const walBounds: WalBounds = { copyPagesMin: 3_000, cutPagesMin: 16_000, idleMs: 5_000 };

interface WalState {
  busy: number;
  /** Pages in the log, and how many of them the database file has, too. */
  log: number;
  checkpointed: number;
}

export interface WalDeps {
  bounds: WalBounds;
  /** Whether no read of this process holds an old state, which would keep the log from being cut. */
  noReads: () => boolean;
  /** Runs work with the writer's connection when no commit does. */
  betweenCommits: (work: (connection: Connection) => void) => void;
  /** Absent: the log is cut by its length and at the end alone. */
  timer?: Timer | undefined;
}

export class Wal {
  readonly #deps: WalDeps;
  #idle: TimerHandle | undefined;

  constructor(deps: WalDeps) {
    this.#deps = deps;
  }

  /** After each commit. Throws StoreErrors; the commit itself is safe. */
  tend(connection: Connection): void {
    const { bounds, noReads } = this.#deps;
    this.#waitForIdle();
    const { log, checkpointed } = checkpoint(connection, 'NOOP');
    if (log >= bounds.cutPagesMin && noReads()) cut(connection);
    else if (log - checkpointed >= bounds.copyPagesMin) checkpoint(connection, 'PASSIVE');
  }

  /** Leaves no timer. */
  stop(): void {
    this.#idle?.cancel();
  }

  /** At the end, when no commit will follow. */
  cut(connection: Connection): void {
    if (this.#deps.noReads()) cut(connection);
  }

  #waitForIdle(): void {
    const { bounds, betweenCommits, noReads, timer } = this.#deps;
    this.#idle?.cancel();
    this.#idle = timer?.after(bounds.idleMs, () => {
      betweenCommits((connection) => {
        if (noReads()) cut(connection);
        else this.#waitForIdle();
      });
    });
  }
}

/** Does not wait for readers in other processes: it would stop this one. They are as short as ours, or it is tried later. */
function cut(connection: Connection): void {
  connection.withoutWaiting(() => checkpoint(connection, 'TRUNCATE'));
}

function checkpoint(connection: Connection, mode: 'NOOP' | 'PASSIVE' | 'TRUNCATE'): WalState {
  const state = connection.get<WalState>(`PRAGMA wal_checkpoint(${mode})`);
  return state ?? { busy: 0, log: 0, checkpointed: 0 };
}
