// The data folder: whom it lets in (mode 0700), how commands find the running server (server.json) and prove that they may
// speak to it (admin.token, mode 0600). Whoever can read the token can read the database beside it.

import { lstat, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Random } from '@holdfast/core';
import { StartError } from './start-error.ts';

/** Where commands reach the server that runs on this folder. */
export interface ServerFile {
  url: string;
  pid: number;
  /** The database that it has open. */
  database?: string;
}

/** What a config says of where everything is kept. */
export interface DataPlace {
  data: string;
  /** In the data folder, or a path that leads elsewhere. Default `holdfast.db`. */
  database?: string;
}

export const databaseFile = ({ data, database = 'holdfast.db' }: DataPlace): string =>
  resolve(data, database);
const serverFile = (data: string): string => join(data, 'server.json');
const tokenFile = (data: string): string => join(data, 'admin.token');

/** Makes the folder, for its owner alone, and sees that a file can be made in it, by whom it should. Throws a StartError. */
export async function makeDataFolder(data: string): Promise<void> {
  try {
    await makeFolder(data);
    const trial = join(data, '.trial');
    await rm(trial, { force: true });
    await writeFile(trial, '', { mode: 0o600, flag: 'wx' });
    await rm(trial, { force: true });
    await refuseOpenFolder(data);
  } catch (error) {
    if (error instanceof StartError) throw error;
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown';
    throw new StartError('data_unusable', {
      message: `The data folder ${data} cannot be written (${reason}).`,
      help: 'Give this user the right to write there, free space, or name another folder with --data.',
      cause: error,
    });
  }
}

/** Whoever may write there could put a token or a database of his own in it, before the server makes them. */
async function refuseOpenFolder(data: string): Promise<void> {
  if (process.getuid === undefined || ((await stat(data)).mode & 0o002) === 0) return;
  throw new StartError('data_unusable', {
    message: `Every user of this machine may write in the data folder ${data}.`,
    help: `Run chmod 700 ${data} if what lies in it is yours, or name another folder with --data.`,
  });
}

/** Not by mkdir's own `recursive`: it never comes back where a folder refuses to hold another (/proc; Node 26.10). */
async function makeFolder(path: string): Promise<void> {
  const make = (): Promise<unknown> => mkdir(path, { mode: 0o700 });
  await make().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return;
    if (error.code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await make();
  });
}

/** The token by which commands prove themselves to the running server: 256 random bits, made anew when others may know it. */
export async function ensureAdminToken(data: string, random: Random): Promise<string> {
  const file = tokenFile(data);
  const known = await readAdminToken(data);
  if (known !== undefined && (await isOwn(file))) return known;
  const token = Buffer.from(random.bytes(32)).toString('base64url');
  await writeWhole(file, `${token}\n`);
  return token;
}

/** Whether nobody else can have read or written it: others know a token that came with wider rights, or by another's hand. */
async function isOwn(file: string): Promise<boolean> {
  const { getuid } = process;
  if (getuid === undefined) return true;
  const found = await lstat(file);
  return found.isFile() && found.uid === getuid() && (found.mode & 0o077) === 0;
}

/** Undefined when there is none, or none that was written whole. */
export async function readAdminToken(data: string): Promise<string | undefined> {
  const text = await readFile(tokenFile(data), 'utf8').catch(() => '');
  return /^[A-Za-z0-9_-]{43}$/.exec(text.trim())?.[0];
}

export async function writeServerFile(data: string, server: ServerFile): Promise<void> {
  await writeWhole(serverFile(data), `${JSON.stringify(server)}\n`);
}

export async function removeServerFile(data: string): Promise<void> {
  await rm(serverFile(data), { force: true });
}

/** What a server left there; it may be of one that was killed. */
export async function readServerFile(data: string): Promise<ServerFile | undefined> {
  try {
    const text = await readFile(serverFile(data), 'utf8');
    const { url, pid, database } = JSON.parse(text) as Partial<ServerFile>;
    if (typeof url !== 'string' || typeof pid !== 'number') return undefined;
    return { url, pid, ...(typeof database === 'string' ? { database } : {}) };
  } catch {
    // Absent, or written by something else: then no server is known.
    return undefined;
  }
}

/** A reader sees the old file or the new one, never a part. */
async function writeWhole(file: string, text: string): Promise<void> {
  const draft = `${file}.draft`;
  await rm(draft, { force: true });
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
}
