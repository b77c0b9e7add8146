// How a command gets at the data: through the server that runs on the folder, or, when none does, by taking the folder's lock and
// opening the store itself. The commands do not know which.
//
//   server.json ── answers, and proves that it knows the token ──► the running server
//        │ gone, silent, or somebody else's
//        ▼
//   lock ── free ──► open the folder (a server.json that is left over is removed)
//        │ held: a server that is just starting or stopping, or another command; tried again for a while
//        ▼
//   refused

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Admin } from '../admin/admin.ts';
import { systemClock, systemTimer } from '../clock.ts';
import { type Config, withFlags } from '../config.ts';
import { ConfigError } from '../config-error.ts';
import { readStoreUrl } from '../config-store.ts';
import {
  type DataPlace,
  databaseFile,
  readAdminToken,
  readServerFile,
  removeServerFile,
  type ServerFile,
} from '../data-folder.ts';
import { StartError } from '../start-error.ts';
import { StoreError } from '../store/port.ts';
import { createAdminClient, NoAnswerError } from './admin-client.ts';
import { chooseConfig } from './chosen-config.ts';
import type { CommonFlags } from './command.ts';
import { CommandError } from './failure.ts';
import type { OwnFolder } from './own-folder.ts';
import type { Terminal } from './terminal.ts';

export interface Connected {
  admin: Admin;
  data: string;
  /** The database's file. */
  database: string;
  /** Null: no server runs; this process holds the folder. */
  server: ServerFile | null;
}

export interface Reach {
  /** Make the database when there is none yet. */
  create: boolean;
}

const probeMsMax = 3_000;
const lockedMsMax = 5_000;
const againMs = 100;

/** Runs `work` with the operator's work at hand, and lets go of everything afterwards. */
export async function withAdmin<Result>(
  terminal: Terminal,
  flags: CommonFlags,
  { create }: Reach,
  work: (connected: Connected) => Promise<Result>,
): Promise<Result> {
  const settings = createSettings(terminal, flags);
  const data = await settings.data();
  let database: string | undefined;
  const deadline = systemClock.monoMs() + lockedMsMax;
  for (;;) {
    const server = await findServer(data);
    if (server.type === 'found') {
      if (flags.store !== undefined) requireSame(server.file, databaseFile(await settings.place()));
      return useServer(server, data, work);
    }
    database ??= databaseFile(await settings.place());
    if (!create && !existsSync(database)) throw noDatabase(data);
    const config = await settings.config();
    const folder = await openUnlessLocked({ ...config, data });
    if (folder === 'locked') {
      if (systemClock.monoMs() > deadline) throw lockedError(data, server);
      await pause(againMs);
      continue;
    }
    try {
      if (server.type === 'silent') await removeServerFile(data);
      return await work({ admin: folder.admin, data, database, server: null });
    } finally {
      await folder.close();
    }
  }
}

/** What the flags and the config file say, the file read only when it is needed. */
export interface Settings {
  data(): Promise<string>;
  /** With a data folder that a flag names, also when there is no config. */
  place(): Promise<DataPlace>;
  config(): Promise<Config>;
}

export function createSettings(terminal: Terminal, flags: CommonFlags): Settings {
  let loaded: Promise<Config> | undefined;
  const config = (): Promise<Config> => {
    loaded ??= chooseConfig(flags, terminal.cwd).then(({ config }) =>
      withFlags(config, {
        ...(flags.data === undefined ? {} : { data: resolve(terminal.cwd, flags.data) }),
        ...(flags.store === undefined ? {} : { store: flags.store }),
      }),
    );
    return loaded;
  };
  const data = async (): Promise<string> =>
    flags.data === undefined ? (await config()).data : resolve(terminal.cwd, flags.data);
  return {
    config,
    data,
    place: () =>
      config().catch(async (error: unknown) => {
        if (!(error instanceof ConfigError) || flags.data === undefined) throw error;
        const { store } = flags;
        const database = store && readStoreUrl(store, { name: '--store', folder: terminal.cwd });
        return { data: await data(), ...(database === undefined ? {} : { database }) };
      }),
  };
}

/** The server that runs on the folder is not asked about a database that it has not open. */
function requireSame({ url, database }: ServerFile, wanted: string): void {
  if (database === undefined || database === wanted) return;
  throw new CommandError('other_database', {
    message: `The server at ${url} runs on this data folder, with the database ${database}.`,
    help: 'Leave --store out to work on that one, or name another folder with --data.',
  });
}

export type FoundServer =
  | { type: 'found'; file: ServerFile; token: string }
  | { type: 'none' }
  /** What server.json names is gone, silent, or no server of this folder. */
  | { type: 'silent'; file: ServerFile };

/** Looks for the server of a data folder, and asks it. */
export async function findServer(data: string): Promise<FoundServer> {
  const file = await readServerFile(data);
  const token = await readAdminToken(data);
  if (!file) return { type: 'none' };
  if (token === undefined) return { type: 'silent', file };
  const client = createAdminClient({ url: file.url, token, probeMsMax });
  try {
    await client.admin.schema({});
    return { type: 'found', file, token };
  } catch (error) {
    // A server of another folder that got the port of one that was killed does not know the token.
    if (error instanceof NoAnswerError) return { type: 'silent', file };
    // It is ours, and has a reason: the work itself will meet it and say so.
    return { type: 'found', file, token };
  } finally {
    client.close();
  }
}

async function useServer<Result>(
  { file, token }: Extract<FoundServer, { type: 'found' }>,
  data: string,
  work: (connected: Connected) => Promise<Result>,
): Promise<Result> {
  const client = createAdminClient({ url: file.url, token, probeMsMax });
  try {
    const database = file.database ?? databaseFile({ data });
    return await work({ admin: client.admin, data, database, server: file });
  } catch (error) {
    if (!(error instanceof NoAnswerError)) throw error;
    throw new CommandError('server_gone', {
      message: `The server at ${file.url} stopped answering.`,
      help: 'Look at its log, then run the command again.',
      cause: error,
    });
  } finally {
    client.close();
  }
}

async function openUnlessLocked(config: Config): Promise<OwnFolder | 'locked'> {
  const { openOwnFolder } = await import('./own-folder.ts');
  try {
    return await openOwnFolder(config);
  } catch (error) {
    if (isLocked(error)) return 'locked';
    throw error;
  }
}

export function isLocked(error: unknown): boolean {
  return (
    (error instanceof StartError && error.code === 'data_locked') ||
    (error instanceof StoreError && error.code === 'busy')
  );
}

function lockedError(data: string, server: FoundServer): CommandError {
  const named = server.type === 'silent' ? server.file : undefined;
  return new CommandError('data_locked', {
    message: named
      ? `A process holds the data folder ${data}, and the server that stands in its server.json (${named.url}, process ${named.pid}) does not answer.`
      : `Another process holds the data folder ${data}.`,
    help: 'If a server or a command runs there, wait for it or end it, then run this again.',
  });
}

function noDatabase(data: string): CommandError {
  return new CommandError('no_database', {
    message: `There is no database in ${data} yet.`,
    help: 'Start the server with npx holdfast serve, or name another folder with --data.',
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => systemTimer.after(ms, resolve));
}
