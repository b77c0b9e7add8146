// `holdfast status`: whether it serves, what it holds, and what waits for a person.

import { stat, statfs } from 'node:fs/promises';
import type { AdminStatus } from '../admin/admin.ts';
import type { ServerFile } from '../data-folder.ts';
import {
  type AddCommand,
  answer,
  type CommandContext,
  type CommonFlags,
  describeCommand,
  withCommonFlags,
} from './command.ts';
import { withAdmin } from './connect.ts';
import { bytesText, countText, durationText, facts, numberText, table } from './terminal.ts';
import { unclaimedLines } from './unclaimed.ts';

export const addStatus: AddCommand = (program, context) => {
  withCommonFlags(
    describeCommand(program, {
      usage: 'status',
      summary: 'say whether it serves, what it holds, and what waits',
      examples: ['holdfast status', 'holdfast status --data /var/lib/holdfast --json'],
    }),
  ).action((flags: CommonFlags) => showStatus(context, flags));
};

async function showStatus(context: CommandContext, flags: CommonFlags): Promise<void> {
  await withAdmin(context.terminal, flags, { create: false }, async (connected) => {
    const { admin, data, database, server } = connected;
    const status = await admin.status({});
    const sizes = await readSizes({ data, database });
    const { counts, scopes, now, startedAt, ...rest } = status;
    const running = server ? { url: server.url, pid: server.pid, uptimeMs: now - startedAt } : null;
    answer(context, flags, {
      json: { running, data, ...rest, ...sizes, counts, scopes },
      text: statusText({ status, server, data, sizes }),
    });
  });
}

export interface DataSizes {
  databaseBytes: number;
  logBytes: number;
  /** Null where the file system does not say. */
  diskFreeBytes: number | null;
}

export async function readSizes({ data, database }: { data: string; database: string }): Promise<DataSizes> {
  const bytesOf = (file: string): Promise<number> =>
    stat(file).then(
      ({ size }) => size,
      () => 0,
    );
  const disk = await statfs(data).catch(() => undefined);
  return {
    databaseBytes: await bytesOf(database),
    logBytes: await bytesOf(`${database}-wal`),
    diskFreeBytes: disk ? disk.bavail * disk.bsize : null,
  };
}

function statusText(given: {
  status: AdminStatus;
  server: ServerFile | null;
  data: string;
  sizes: DataSizes;
}): string {
  const { status, server, data, sizes } = given;
  const { counts, scopes } = status;
  const uptime = durationText(status.now - status.startedAt);
  const free = sizes.diskFreeBytes === null ? 'unknown' : bytesText(sizes.diskFreeBytes);
  const waits = [
    `${countText(counts.conflictsOpen, 'conflict')} open`,
    `${numberText(counts.quarantine)} in quarantine`,
    `${numberText(counts.held)} held`,
  ];
  const lines = facts([
    ['server', server ? `serves at ${server.url} (process ${server.pid}, for ${uptime})` : 'does not run'],
    ['version', `${status.version}, schema ${status.schema}`],
    ['data', data],
    ['size', `${bytesText(sizes.databaseBytes)}, log ${bytesText(sizes.logBytes)}; ${free} free on the disk`],
    ['commits', numberText(counts.commits)],
    ['devices', numberText(counts.devices)],
    ['waiting', waits.join(', ')],
    ...unclaimedLines(status.unclaimed).map((line): [string, string] => ['not unique', line]),
  ]);
  const collections = counts.collections.map(({ collection, records, tombstones }) => [
    collection,
    numberText(records),
    numberText(tombstones),
  ]);
  const shown = scopes.slice(0, 50);
  const rows = shown.map(({ scope, head, conflictsOpen, held }) => [
    scope,
    numberText(head),
    numberText(conflictsOpen),
    numberText(held),
  ]);
  return [
    lines,
    ...(collections.length > 0 ? ['', table(['COLLECTION', 'RECORDS', 'TOMBSTONES'], collections)] : []),
    ...(rows.length > 0 ? ['', table(['SCOPE', 'HEAD', 'CONFLICTS', 'HELD'], rows)] : []),
    ...(counts.scopes > shown.length
      ? [`… and ${numberText(counts.scopes - shown.length)} more scopes`]
      : []),
  ].join('\n');
}
