// The operator's work on a data folder that this process takes for itself. Apart from connect.ts, which loads it only when no server
// runs: most of the server's code stands behind it.

import type { Admin } from '../admin/admin.ts';
import { createAdmin } from '../admin/create-admin.ts';
import type { Config } from '../config.ts';
import { sha256 } from '../digest.ts';
import { openFolder, processParts } from '../open-folder.ts';
import { version } from '../version.ts';
import { keepFilesPrivate } from './command.ts';

export interface OwnFolder {
  admin: Admin;
  close(): Promise<void>;
}

/** Throws a StartError, `data_locked` when another process has the folder. */
export async function openOwnFolder(config: Config): Promise<OwnFolder> {
  keepFilesPrivate();
  // A command says itself what went wrong; the log is the server's.
  const parts = processParts({ logLevel: 'silent' });
  const { store, engine, close } = await openFolder(config, parts);
  const { schema, limits } = config;
  const { clock, random } = parts;
  const admin = createAdmin({ store, engine, schema, limits, clock, random, sha256, version });
  return { admin, close };
}
