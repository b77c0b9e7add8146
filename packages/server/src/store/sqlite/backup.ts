// Copies one state of the database to a new file.
// SQLite's backup API runs in a thread of its own here, in one step and so from one state, while the store goes on on its
// own connections. VACUUM INTO would give a smaller file, but blocks the thread that runs it for as long as it takes.

import { existsSync } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { backup } from 'node:sqlite';
import { StoreError } from '../port.ts';
import { Connection } from './connection.ts';
import { storeErrorOf } from './errors.ts';

/** More pages than a database can have: all in one step. */
const pagesPerStep = 2 ** 31 - 1;

/** `source` must not be used for anything else meanwhile. Refuses a file that exists. */
export async function backUp(source: Connection, file: string): Promise<{ bytes: number }> {
  refuseExisting(file);
  const partial = `${file}.partial`;
  await rm(partial, { force: true });
  try {
    await backup(source.database, partial, { rate: pagesPerStep });
    leaveWal(partial);
    await sync(partial);
    refuseExisting(file);
    await rename(partial, file);
    await sync(dirname(file));
  } catch (error) {
    await rm(partial, { force: true });
    throw storeErrorOf(error);
  }
  return { bytes: (await stat(file)).size };
}

function refuseExisting(file: string): void {
  if (existsSync(file))
    throw new StoreError('failed', 'The backup’s file exists already; nothing was written.');
}

/** The copy says that it has a log beside it, like its source; as one whole file it can be read from anywhere. */
function leaveWal(file: string): void {
  const copy = new Connection({ file, busyMsMax: 0 });
  try {
    copy.exec('PRAGMA journal_mode = DELETE');
  } finally {
    copy.close();
  }
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
