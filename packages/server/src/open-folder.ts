// A data folder, opened: its lock, its store in a new life, and the engine on it. Without protocols and HTTP, so that a command which
// works on the folder itself begins sooner.

import { dirname, resolve } from 'node:path';
import type { Clock, Random, Timer } from '@holdfast/core';
import { systemClock, systemRandom, systemTimer, systemTurn } from './clock.ts';
import type { Config } from './config.ts';
import { databaseFile, makeDataFolder } from './data-folder.ts';
import { sha256 } from './digest.ts';
import { createEngine } from './engine/create-engine.ts';
import type { Engine } from './engine/engine.ts';
import { createLog, type Log, type LogLevel } from './log.ts';
import { createLogFiles } from './log-files.ts';
import { StartError } from './start-error.ts';
import { type Store, StoreError, type StoreErrorCode } from './store/port.ts';
import { type DataFolderLock, lockDatabase, lockDataFolder } from './store/sqlite/lock.ts';
import { openSqliteStore } from './store/sqlite/open.ts';

/** What the process gives; tests and the simulator give their own. */
export interface Parts {
  clock: Clock;
  random: Random;
  timer: Timer;
  log: Log;
  /** Makes the files, where there are any; their folder's parent is there. */
  openLog: () => void;
  /** Resolves when what was logged is in the files, where there are any. */
  closeLog: () => Promise<void>;
  openStore: typeof openSqliteStore;
  /** Ends the process at once. */
  exit: (code: number) => void;
}

/** A data folder that this process holds. */
export interface OpenFolder {
  store: Store;
  engine: Engine;
  /** Answers what was taken, closes the store, lets the folder go. */
  close(): Promise<void>;
}

/** The exit code after a failed fsync: an input or output error, as sysexits.h has it. */
export const fatalExitCode = 74;

export function processParts({ logLevel, logFolder }: { logLevel: LogLevel; logFolder?: string }): Parts {
  const clock = systemClock;
  const failed = (error: unknown): void =>
    log.warn({ error }, 'A log file cannot be written. It is tried again in a while.');
  const files = logFolder === undefined ? undefined : createLogFiles({ folder: logFolder, clock, failed });
  const log = createLog({ level: logLevel, clock, write: (line) => process.stderr.write(line), files });
  return {
    clock,
    random: systemRandom,
    timer: systemTimer,
    log,
    openLog: () => files?.open(),
    closeLog: async () => files?.close(),
    openStore: openSqliteStore,
    exit: (code) => process.exit(code),
  };
}

/** Takes the folder's lock and opens the store in a new life, with an engine on it. Throws a StartError. */
export async function openFolder(config: Config, parts: Parts): Promise<OpenFolder> {
  const { clock, random, timer, log } = parts;
  await makeDataFolder(config.data);
  const lock = takeLocks(config);
  try {
    const life = { id: Buffer.from(random.bytes(8)).toString('hex'), startedAt: clock.wallMs() };
    const { schema, views, limits, sizeBytesMax } = config;
    const store = await parts.openStore({
      file: databaseFile(config),
      life,
      schema,
      views,
      limits,
      sha256,
      timer,
      ...(sizeBytesMax === undefined ? {} : { sizeBytesMax }),
    });
    const engine = createEngine({
      store,
      schema,
      limits,
      clock,
      random,
      timer,
      sha256,
      turn: systemTurn,
      log: (level, message, facts) => log[level](facts, message),
      fatal: (error) => endProcess(parts, error),
    });
    return {
      store,
      engine,
      async close() {
        try {
          await engine.stop();
          await store.close();
        } finally {
          lock.release();
        }
      },
    };
  } catch (error) {
    lock.release();
    throw unusableStore(error);
  }
}

/** Of the data folder, and of the database where that lies in another folder. */
function takeLocks(config: Config): DataFolderLock {
  const { data } = config;
  const file = databaseFile(config);
  const folder = takeLock(() => lockDataFolder(data), {
    message: `Another process works on the data folder ${data}.`,
    help: 'Stop that one, or name another folder with --data.',
  });
  if (dirname(file) === resolve(data)) return folder;
  try {
    const database = takeLock(() => lockDatabase(file), {
      message: `Another process works on the database ${file}.`,
      help: 'Stop that one, or name another database.',
    });
    return {
      release() {
        database.release();
        folder.release();
      },
    };
  } catch (error) {
    folder.release();
    throw error;
  }
}

function takeLock(lock: () => DataFolderLock, told: { message: string; help: string }): DataFolderLock {
  try {
    return lock();
  } catch (error) {
    if (!(error instanceof StoreError && error.code === 'busy')) throw unusableStore(error);
    throw new StartError('data_locked', { ...told, cause: error });
  }
}

/** After a failed fsync nothing that was written since can be trusted, so nothing may be acknowledged any more. */
export function endProcess({ log, exit }: Parts, error: unknown): void {
  log.fatal({ error }, 'The disk did not confirm a write. The process ends; nothing of it was acknowledged.');
  exit(fatalExitCode);
}

const storeHelp: Record<StoreErrorCode, string> = {
  full: 'Free space or raise sizeBytesMax, then start again.',
  busy: 'End the program that has the database open, then start again.',
  readonly: 'Give this user the right to write the database file.',
  fsync: 'Check the disk, then start again.',
  corrupt: 'Keep the file, and bring a backup back with `npx holdfast restore`.',
  closed: 'Start again.',
  newer:
    'Use the config with that version or a later one. To go back for good, restore a backup that was made before it.',
  failed: 'Run `npx holdfast doctor`.',
};

function unusableStore(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error;
  return new StartError('store_unusable', {
    message: error.message,
    help: storeHelp[error.code],
    cause: error,
  });
}
