// `holdfast restore`: puts a backup in the place of the database. The database that was there stays beside it under a dated name.
//
//   verify FILE ──► lock the folder ──► copy, fsync ──► set the present database aside ──► rename the copy into its place, fsync

import { constants, copyFile, link, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { systemClock } from '../clock.ts';
import { databaseFile, removeServerFile } from '../data-folder.ts';
import { sha256 } from '../digest.ts';
import { operator } from '../engine/engine.ts';
import { StoreError } from '../store/port.ts';
import { Connection } from '../store/sqlite/connection.ts';
import { putAudit } from '../store/sqlite/identity.ts';
import { lockDataFolder } from '../store/sqlite/lock.ts';
import { type VerifiedBackup, verifyBackup } from '../store/sqlite/verify.ts';
import { syncFolder } from './backup.ts';
import {
  type AddCommand,
  answer,
  type CommandContext,
  type CommonFlags,
  describeCommand,
  keepFilesPrivate,
  withCommonFlags,
} from './command.ts';
import { createSettings, isLocked } from './connect.ts';
import { CommandError } from './failure.ts';
import { countText } from './terminal.ts';

export const addRestore: AddCommand = (program, context) => {
  withCommonFlags(
    describeCommand(program, {
      usage: 'restore <file>',
      summary: 'bring a backup back; no server may run',
      description: [
        'Verifies a backup and puts it in the place of the database, which is kept beside it under a dated name.',
        'Devices that have seen newer states than the backup are answered rolled_back: they keep their records and what they have not',
        'sent, and stop until an operator decides.',
      ].join(' '),
      examples: [
        'holdfast restore /mnt/usb/holdfast-monday.db',
        'holdfast restore monday.db --data /var/lib/holdfast',
      ],
    }),
  ).action((file: string, flags: CommonFlags) => restore(context, file, flags));
};

async function restore(context: CommandContext, given: string, flags: CommonFlags): Promise<void> {
  const { terminal } = context;
  const file = resolve(terminal.cwd, given);
  const place = await createSettings(terminal, flags).place();
  const { data } = place;
  const database = databaseFile(place);
  if (file === database)
    throw new CommandError('same_file', {
      message: `${given} is the database itself.`,
      help: 'Name a backup.',
    });
  terminal.progress('Verifying…');
  const verified = await verify(file, given);
  terminal.progress('');
  await mkdir(data, { recursive: true, mode: 0o700 });
  keepFilesPrivate();
  const lock = lockFolder(data);
  try {
    const aside = await putInPlace({ file, database });
    // A server that was killed may have left one; nothing serves now.
    await removeServerFile(data);
    answer(context, flags, {
      json: {
        database,
        aside,
        scopes: verified.scopes,
        records: verified.records,
        commits: verified.commits,
        heads: Object.fromEntries(verified.heads),
      },
      text: restoreText({ given, data, aside, verified }),
    });
  } finally {
    lock.release();
  }
}

function restoreText(done: {
  given: string;
  data: string;
  aside: string | null;
  verified: VerifiedBackup;
}): string {
  const { given, data, aside, verified } = done;
  return [
    `Restored ${given} to ${data}: ${countText(verified.records, 'record')} (tombstones included) in ${countText(verified.scopes, 'scope')}.`,
    ...(aside === null ? [] : [`The database that was there is now ${aside}.`]),
    'Devices that have seen newer states will be answered rolled_back: they keep their records and what they have not sent,',
    'and stop syncing until an operator decides.',
    'Start the server again with: npx holdfast serve',
  ].join('\n');
}

async function verify(file: string, given: string): Promise<VerifiedBackup> {
  const found = await stat(file);
  if (!found.isFile())
    throw new CommandError('not_a_file', { message: `${given} is no file.`, help: 'Name a backup.' });
  const log = await stat(`${file}-wal`).catch(() => undefined);
  if (log && log.size > 0)
    throw new CommandError('backup_unsound', {
      message: `${given} has a log beside it (${given}-wal): it is a database in use, or was copied from one.`,
      help: 'Restore a file that holdfast backup made. Nothing was changed.',
    });
  const { problems, ...verified } = readBackup(file, given);
  if (problems.length > 0)
    throw new CommandError('backup_unsound', {
      message: `${given} is damaged: ${problems.slice(0, 3).join(' ')}`,
      help: 'Use another backup. Nothing was changed.',
    });
  return { problems, ...verified };
}

function readBackup(file: string, given: string): VerifiedBackup {
  try {
    return verifyBackup({ file, sha256 });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new CommandError('backup_unsound', {
      message: `${given} is no backup that this version can read: ${error.message}`,
      help: 'Use another file. Nothing was changed.',
      cause: error,
    });
  }
}

function lockFolder(data: string): ReturnType<typeof lockDataFolder> {
  try {
    return lockDataFolder(data);
  } catch (error) {
    if (!isLocked(error)) throw error;
    throw new CommandError('data_locked', {
      message: `A server or a command works on ${data}; nothing was changed.`,
      help: 'Stop the server, restore, and start it again.',
      cause: error,
    });
  }
}

/** Answers where the present database went; null when there was none. */
async function putInPlace(given: { file: string; database: string }): Promise<string | null> {
  const { file, database } = given;
  const restored = `${database}.restoring`;
  try {
    await rm(restored, { force: true });
    await copyFile(file, restored, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    noteRestore(restored, file);
    await sync(restored);
    const aside = await setAside(database);
    await rename(restored, database);
    await rm(`${database}-shm`, { force: true });
    await syncFolder(dirname(database));
    return aside;
  } finally {
    await Promise.all(['', '-wal', '-shm'].map((end) => rm(`${restored}${end}`, { force: true })));
  }
}

/** The audit log of the database says by itself that it was brought back. */
function noteRestore(restored: string, file: string): void {
  const connection = new Connection({ file: restored, busyMsMax: 0 });
  try {
    const at = systemClock.wallMs();
    putAudit(connection, { at, actor: operator.actor, action: 'restore', subject: file });
    connection.get('PRAGMA wal_checkpoint(TRUNCATE)');
  } finally {
    connection.close();
  }
}

/** Gives the present database a second name, so that there is one under its own at every moment. */
async function setAside(database: string): Promise<string | null> {
  if (!(await stat(database).catch(() => undefined))) return null;
  emptyLog(database);
  const time = new Date(systemClock.wallMs()).toISOString().replace(/\.\d+/, '').replaceAll(':', '-');
  const aside = await freeName(join(dirname(database), `${basename(database, '.db')}-${time}`));
  // Where a file cannot have two names, it is without one for a moment.
  await link(database, aside).catch(() => rename(database, aside));
  await rename(`${database}-wal`, `${aside}-wal`).catch(() => undefined);
  return aside;
}

async function freeName(stem: string): Promise<string> {
  for (let n = 1; ; n++) {
    const name = n === 1 ? `${stem}.db` : `${stem}-${n}.db`;
    if (!(await stat(name).catch(() => undefined))) return name;
  }
}

/** Writes what stands in the log into the database; a log beside a database that it does not belong to would damage it. */
function emptyLog(database: string): void {
  try {
    const connection = new Connection({ file: database, busyMsMax: 0 });
    try {
      connection.get('PRAGMA wal_checkpoint(TRUNCATE)');
    } finally {
      connection.close();
    }
  } catch {
    // It is damaged, which may be why it is replaced: then the log is set aside with it.
  }
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  await handle.sync().finally(() => handle.close());
}
