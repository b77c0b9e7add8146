// `holdfast backup`: a verified copy of the database, also while the server serves. Whoever asks does the verifying: it reads
// everything, and the server has better things to do.
//
//   copy to a temporary name beside FILE ──► restore that to another temporary file ──► verify ──► rename to FILE

import { existsSync } from 'node:fs';
import { chmod, constants, copyFile, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { RequestError } from '@holdfast/core';
import type { Admin } from '../admin/admin.ts';
import { systemRandom } from '../clock.ts';
import { sha256 } from '../digest.ts';
import { StoreError } from '../store/port.ts';
import { type VerifiedBackup, verifyBackup } from '../store/sqlite/verify.ts';
import { NoAnswerError } from './admin-client.ts';
import {
  type AddCommand,
  answer,
  type CommandContext,
  type CommonFlags,
  describeCommand,
  withCommonFlags,
} from './command.ts';
import { withAdmin } from './connect.ts';
import { CommandError } from './failure.ts';
import { bytesText, countText, exitCodes, facts, numberText } from './terminal.ts';

type BackupFlags = CommonFlags & { force?: boolean };

export const addBackup: AddCommand = (program, context) => {
  withCommonFlags(
    describeCommand(program, {
      usage: 'backup <file>',
      summary: 'copy the database to a file, and verify the copy',
      description:
        'Copies one state of the database to a file, while the server serves or without one, and verifies the copy before it gets its name. Meanwhile its folder needs room for two copies. Bring it back with holdfast restore.',
      examples: [
        'holdfast backup /mnt/usb/holdfast-monday.db',
        'holdfast backup nightly.db --force --json  # for a cron job',
      ],
    }),
  )
    .option('--force', 'replace the file if it is there')
    .action((file: string, flags: BackupFlags) => backup(context, file, flags));
};

async function backup(context: CommandContext, given: string, flags: BackupFlags): Promise<void> {
  const { terminal } = context;
  const file = resolve(terminal.cwd, given);
  await refuseTarget(file, given, flags.force === true);
  const interrupt = terminal.catchInterrupt();
  interrupt.addEventListener('abort', () => terminal.note('Stopping when this step is done.'), {
    once: true,
  });
  const { progress } = terminal;
  const { verified, bytes } = await withAdmin(terminal, flags, { create: false }, ({ admin }) =>
    writeBackup(admin, { file, force: flags.force === true, progress, interrupt }),
  );
  terminal.progress('');
  const { scopes, records, commits, heads } = verified;
  answer(context, flags, {
    json: { file, bytes, verified: true, scopes, records, commits, heads: Object.fromEntries(heads) },
    text: backupText(file, bytes, verified),
  });
}

/** Makes a verified backup at `file`, or leaves nothing. Throws a CommandError. */
export async function writeBackup(
  admin: Pick<Admin, 'status' | 'backup'>,
  wishes: { file: string; force: boolean; progress: (line: string) => void; interrupt: AbortSignal },
): Promise<{ verified: VerifiedBackup; bytes: number }> {
  const { file, force, progress, interrupt } = wishes;
  const name = Buffer.from(systemRandom.bytes(6)).toString('hex');
  const partial = join(dirname(file), `.${basename(file)}.${name}.part`);
  try {
    progress('Copying…');
    const { scopes, counts } = await admin.status({});
    await copyDatabase(admin, { partial, file, bytes: counts.bytes });
    // Everybody's records are in it.
    await chmod(partial, 0o600);
    refuseIfInterrupted(interrupt);
    progress('Verifying…');
    const verified = await verifyRestored(partial);
    const behind = scopes.find(({ scope, head }) => (verified.heads.get(scope) ?? 0) < head);
    if (behind) throw unsound([`Scope ${behind.scope} is at an older seq than the server was before.`]);
    const { size } = await stat(partial);
    refuseIfInterrupted(interrupt);
    // It may have been made while the copy was verified.
    await refuseTarget(file, file, force);
    await rename(partial, file);
    await syncFolder(dirname(file));
    return { verified, bytes: size };
  } finally {
    await removePartials(partial);
  }
}

function backupText(file: string, bytes: number, { heads, records, commits }: VerifiedBackup): string {
  const shown = [...heads].slice(0, 20);
  return [
    `Wrote ${file}: ${bytesText(bytes)}, ${countText(records, 'record')} (tombstones included), ${countText(commits, 'commit')}.`,
    ...(shown.length === 0
      ? []
      : [facts(shown.map(([scope, head]) => [`  ${scope}`, `seq ${numberText(head)}`]))]),
    ...(heads.size > shown.length ? [`  … and ${numberText(heads.size - shown.length)} more scopes`] : []),
    'verified',
  ].join('\n');
}

async function refuseTarget(file: string, given: string, force: boolean): Promise<void> {
  const folder = await stat(dirname(file)).catch(() => undefined);
  if (!folder?.isDirectory())
    throw new CommandError('no_folder', {
      message: `There is no folder ${dirname(file)}.`,
      help: 'Make it, or name another place.',
    });
  const found = await stat(file).catch(() => undefined);
  if (!found) return;
  if (!found.isFile())
    throw new CommandError('not_a_file', {
      message: `${given} is no file.`,
      help: 'Name a file for the backup.',
    });
  if (!force)
    throw new CommandError('file_exists', {
      message: `${given} is there already; nothing was written.`,
      help: 'Name another file, or replace it with --force.',
    });
}

async function copyDatabase(
  admin: Pick<Admin, 'backup'>,
  { partial, file, bytes }: { partial: string; file: string; bytes: number },
): Promise<void> {
  if (await hasNoRoom(partial, bytes)) throw diskFull(partial);
  try {
    await admin.backup({ file: partial, as: file });
  } catch (error) {
    const known =
      (error instanceof RequestError && error.code === 'storage_full') ||
      (error instanceof StoreError && error.code === 'full');
    // SQLite does not say of a copy why it failed; what it had written is gone, so there must be room for all of it again.
    if (known || isFull(error) || (await hasNoRoom(partial, bytes))) throw diskFull(partial, error);
    if (error instanceof NoAnswerError) throw error;
    throw new CommandError('copy_failed', {
      message: `The copy could not be written to ${dirname(partial)}: ${error instanceof Error ? error.message : 'unknown'}`,
      help: 'When a server runs, it writes the copy: its user needs the right to write there. See its log.',
      cause: error,
    });
  }
}

async function hasNoRoom(partial: string, bytes: number): Promise<boolean> {
  const disk = await statfs(dirname(partial)).catch(() => undefined);
  return disk !== undefined && disk.bavail * disk.bsize < bytes;
}

/** Restores the copy to a temporary file, as `holdfast restore` would, and reads all of it. */
async function verifyRestored(partial: string): Promise<VerifiedBackup> {
  const trial = `${partial}.trial`;
  try {
    // A file system that can share blocks between files needs no room for it.
    await copyFile(partial, trial, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    const verified = verifyBackup({ file: trial, sha256 });
    if (verified.problems.length > 0) throw unsound(verified.problems);
    return verified;
  } catch (error) {
    if (isFull(error)) throw diskFull(partial, error);
    throw error;
  }
}

function refuseIfInterrupted(interrupt: AbortSignal): void {
  if (!interrupt.aborted) return;
  throw new CommandError('interrupted', {
    message: 'Interrupted; nothing is left of the copy.',
    help: 'Run it again.',
    exit: exitCodes.interrupted,
  });
}

function unsound(problems: readonly string[]): CommandError {
  return new CommandError('backup_unsound', {
    message: `The copy is not sound, so it was removed: ${problems.slice(0, 3).join(' ')}`,
    help: 'Keep the backups that you have, and run npx holdfast doctor.',
  });
}

function diskFull(partial: string, cause?: unknown): CommandError {
  return new CommandError('disk_full', {
    message: `The disk of ${dirname(partial)} has no room for the copy; nothing is left of it.`,
    help: 'Free space for two copies of the database there, or name another disk.',
    cause,
  });
}

function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** The copy, its trial, and what SQLite leaves beside them. */
async function removePartials(partial: string): Promise<void> {
  if (!existsSync(dirname(partial))) return;
  const names = await readdir(dirname(partial));
  const ours = names.filter((name) => name.startsWith(basename(partial)));
  await Promise.all(ours.map((name) => rm(join(dirname(partial), name), { force: true })));
}

/** Makes a rename in the folder durable. Some file systems and Windows cannot sync a folder, and need not. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    await handle.sync().finally(() => handle.close());
  } catch (error) {
    if (
      !['EPERM', 'EISDIR', 'EINVAL', 'ENOTSUP', 'EACCES'].includes(
        (error as NodeJS.ErrnoException).code ?? '',
      )
    )
      throw error;
  }
}
