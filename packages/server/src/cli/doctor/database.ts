// The database: who holds it, whether it is sound, and whether the schema knows what it holds.

import { existsSync } from 'node:fs';
import type { Schema } from '@holdfast/core';
import { type AdminStatus, unclaimedMax } from '../../admin/admin.ts';
import { StoreError, type Unclaimed } from '../../store/port.ts';
import { Connection } from '../../store/sqlite/connection.ts';
import { readCounts, readUnclaimed } from '../../store/sqlite/counts.ts';
import { lockDataFolder } from '../../store/sqlite/lock.ts';
import { isCurrent } from '../../store/sqlite/migrate.ts';
import { servedSchema } from '../../store/sqlite/schema-version.ts';
import { createAdminClient } from '../admin-client.ts';
import { type FoundServer, isLocked } from '../connect.ts';
import { readSizes } from '../status.ts';
import { bytesText, countText } from '../terminal.ts';
import { unclaimedHelp, unclaimedLines } from '../unclaimed.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

export interface DatabaseLook {
  findings: Finding[];
  /** When the newest commit was made; 0 when that is not known. */
  newestMs: number;
  /** Collections with records; undefined when that is not known. */
  collections?: readonly string[];
  /** The version of the schema that it is or was served with. */
  schema?: number | undefined;
  serves?: boolean;
}

/** Through the running server, or in the file itself when none runs. */
export async function lookAtDatabase(
  { data, database }: { data: string; database: string },
  server: FoundServer,
  version: string,
): Promise<DatabaseLook> {
  if (server.type === 'found') return askServer(server, version);
  if (!existsSync(database))
    return { findings: [ok('database', 'none yet; the first start makes it')], newestMs: 0 };
  try {
    const lock = lockDataFolder(data);
    try {
      return readFile(database, server);
    } finally {
      lock.release();
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (isLocked(error)) return { findings: [heldBy(server)], newestMs: 0 };
    return {
      findings: [error.code === 'corrupt' ? damaged(error.message) : unusable(error.message)],
      newestMs: 0,
    };
  }
}

async function askServer(
  server: Extract<FoundServer, { type: 'found' }>,
  version: string,
): Promise<DatabaseLook> {
  const client = createAdminClient({ url: server.file.url, token: server.token, probeMsMax: 3_000 });
  try {
    const status: AdminStatus = await client.admin.status({});
    const { url, pid } = server.file;
    const serves = `${url}, process ${pid}, version ${status.version}`;
    const help = 'Start the server again, so that both are one version.';
    return {
      findings: [
        status.version === version
          ? ok('server', `serves at ${serves}`)
          : warning('server', `It serves at ${serves}; this command is version ${version}.`, help),
        ok('database', 'in use by the server; holdfast backup verifies all of it'),
        checkUnique(status.unclaimed),
      ],
      newestMs: status.scopes.reduce((newest, { stamp }) => Math.max(newest, stamp), 0),
      collections: namesOf(status.counts.collections),
      schema: status.schema,
      serves: true,
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : 'unknown';
    return {
      findings: [problem('server', `The server answers with an error: ${message}`, 'See its log.')],
      newestMs: 0,
    };
  } finally {
    client.close();
  }
}

function readFile(database: string, server: FoundServer): DatabaseLook {
  const connection = new Connection({ file: database, busyMsMax: 0 });
  try {
    connection.exec('PRAGMA query_only = ON');
    const left =
      server.type === 'silent'
        ? warning(
            'server',
            `None runs; the one of process ${server.file.pid} ended without saying so.`,
            'Nothing has to be done: the next start tidies up. If it was no power cut, see its log.',
          )
        : ok('server', 'none runs on this folder');
    const wrong = connection
      .all<{ quick_check: string }>('PRAGMA quick_check(3)')
      .map((row) => row.quick_check)
      .filter((line) => line !== 'ok');
    if (wrong.length > 0) return { findings: [left, damaged(wrong.join(' '))], newestMs: 0 };
    const counts = readCounts(connection);
    const unique = isCurrent(connection) ? [checkUnique(readUnclaimed(connection, unclaimedMax))] : [];
    const newest = connection.get<{ stamp: number | null }>('SELECT max(stamp) AS stamp FROM hf_scopes');
    return {
      findings: [left, ok('database', `sound, ${countText(counts.commits, 'commit')}`), ...unique],
      newestMs: newest?.stamp ?? 0,
      collections: namesOf(counts.collections),
      schema: servedSchema(connection),
    };
  } finally {
    connection.close();
  }
}

function namesOf(collections: readonly { collection: string; records: number }[]): string[] {
  return collections.filter(({ records }) => records > 0).map(({ collection }) => collection);
}

function heldBy(server: FoundServer): Finding {
  const who =
    server.type === 'silent'
      ? ` and the server at ${server.file.url} (process ${server.file.pid}) does not answer`
      : '';
  return problem(
    'server',
    `A process holds the data folder${who}.`,
    'If it is a command that is at work, wait; if a server hangs, end it and start it again.',
  );
}

function damaged(reason: string): Finding {
  return problem(
    'database',
    `It is damaged: ${reason}`,
    'Keep a copy of the data folder, then bring a backup back with holdfast restore.',
  );
}

function unusable(reason: string): Finding {
  return problem(
    'database',
    `It cannot be opened: ${reason}`,
    'Mend what is wrong with the folder or the disk first.',
  );
}

// The server cuts its log far below this; a log that grows is held by a reader that does not end.
const logBytesMax = 256_000_000;

export async function checkLog(place: { data: string; database: string }): Promise<Finding> {
  const { logBytes } = await readSizes(place);
  if (logBytes <= logBytesMax) return ok('log', bytesText(logBytes));
  return warning(
    'log',
    `The database’s log has ${bytesText(logBytes)}.`,
    'Another program may keep the database open for reading; end it. A restart of the server cuts the log.',
  );
}

function checkUnique(unclaimed: readonly Unclaimed[]): Finding {
  const lines = unclaimedLines(unclaimed);
  if (lines.length === 0) return ok('unique', 'no value is doubled');
  return warning('unique', `${lines.join('; ')}.`, unclaimedHelp);
}

/** Records of a collection that the schema does not declare can be neither changed nor seen in views. */
export function checkSchema(schema: Schema, { collections, schema: served, serves }: DatabaseLook): Finding {
  if (serves && served !== undefined && served !== schema.version)
    return warning(
      'schema',
      `The server runs with schema version ${served}, and this config has version ${schema.version}.`,
      'Start the server again, or check that --data and --config belong together.',
    );
  if (served !== undefined && served > schema.version)
    return warning(
      'schema',
      `The database was last served with schema version ${served}, and this config has version ${schema.version}.`,
      'Use the later config; a server starts with this one only if nothing was written under the later version.',
    );
  const strange = (collections ?? []).filter((name) => !schema.collections.has(name));
  if (strange.length > 0)
    return warning(
      'schema',
      `The database has records of ${strange.join(', ')}, which the schema does not declare.`,
      'Declare them, or check that --data and --config belong together.',
    );
  return ok('schema', `version ${schema.version}: ${[...schema.collections.keys()].join(', ')}`);
}
