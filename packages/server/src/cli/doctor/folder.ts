// The data folder: whom it lets in, whether it can be written, what it lies on, and how much room there is.

import { mkdtemp, open, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bytesText } from '../terminal.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

/** What the checks ask of the file system; tests give their own. */
export interface FolderProbe {
  /** Undefined: there is nothing. */
  stat(path: string): Promise<{ folder: boolean; mode: number; uid: number } | undefined>;
  /** Writes and syncs a small file there, and removes it. Throws what went wrong. */
  write(folder: string): Promise<void>;
  disk(path: string): Promise<{ type: number; freeBytes: number }>;
  platform: NodeJS.Platform;
  /** Undefined where the system has no user numbers. */
  uid: number | undefined;
}

export const folderProbe: FolderProbe = {
  stat: (path) =>
    stat(path).then(
      (found) => ({ folder: found.isDirectory(), mode: found.mode, uid: found.uid }),
      () => undefined,
    ),
  async write(folder) {
    const trial = await mkdtemp(join(folder, '.doctor-'));
    try {
      const handle = await open(join(trial, 'trial'), 'wx');
      await handle
        .writeFile('trial')
        .then(() => handle.sync())
        .finally(() => handle.close());
    } finally {
      await rm(trial, { recursive: true, force: true });
    }
  },
  disk: async (path) => {
    const { type, bavail, bsize } = await statfs(path);
    return { type, freeBytes: bavail * bsize };
  },
  platform: process.platform,
  uid: process.getuid?.(),
};

export async function checkFolder(data: string, probe: FolderProbe): Promise<Finding[]> {
  const found = await probe.stat(data);
  if (found && !found.folder)
    return [problem('data folder', `${data} is no folder.`, 'Name a folder with --data or in the config.')];
  const place = found ? data : await existingParent(data, probe);
  const written = await probe.write(place).then(() => undefined, reasonOf);
  const rights = found ? checkRights(data, found, probe) : undefined;
  const first =
    written !== undefined
      ? problem(
          'data folder',
          `${found ? data : `${data} is not there, and ${place}`} cannot be written (${written}).`,
          `Give this user the right to write there${written === 'EROFS' ? ' (the file system is mounted read-only)' : ''}, or name another folder.`,
        )
      : (rights ??
        ok(
          'data folder',
          found ? `${data} can be written` : `${data} will be made by the first command that needs it`,
        ));
  return [first, ...(await checkDisk(place, probe))];
}

async function existingParent(path: string, probe: FolderProbe): Promise<string> {
  const parent = dirname(path);
  return parent === path || (await probe.stat(parent)) ? parent : existingParent(parent, probe);
}

function reasonOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}

function checkRights(
  data: string,
  { mode, uid }: { mode: number; uid: number },
  probe: FolderProbe,
): Finding | undefined {
  if (probe.uid === undefined || probe.platform === 'win32') return undefined;
  if (uid !== probe.uid)
    return warning(
      'data folder',
      `${data} belongs to another user (number ${uid}; this one is ${probe.uid}).`,
      'Run the server and its commands as one user.',
    );
  if ((mode & 0o077) === 0) return undefined;
  const octal = (mode & 0o777).toString(8);
  return warning('data folder', `Other users get into ${data} (mode ${octal}).`, `Run chmod 700 ${data}`);
}

const freeBytesMin = 200_000_000;
const freeBytesWanted = 2_000_000_000;

async function checkDisk(place: string, probe: FolderProbe): Promise<Finding[]> {
  const disk = await probe.disk(place).catch(() => undefined);
  if (!disk)
    return [warning('disk', 'The file system does not say how much is free.', 'Look after it yourself.')];
  const free = `${bytesText(disk.freeBytes)} free`;
  const help = 'Free space: a full disk stops all writing until there is room again.';
  const room =
    disk.freeBytes < freeBytesMin
      ? problem('disk', `Only ${free}.`, help)
      : disk.freeBytes < freeBytesWanted
        ? warning('disk', `Only ${free}.`, help)
        : ok('disk', free);
  return [room, checkFileSystem(disk.type, probe.platform)];
}

type Judgement = { name: string; state: 'problem' | 'warning'; why: string };

const network = (name: string): Judgement => ({
  name,
  state: 'problem',
  why: 'SQLite’s locks and log do not work over a network',
});

/** Numbers that Linux gives its file systems (linux/magic.h). */
const fileSystems: ReadonlyMap<number, Judgement> = new Map([
  [0x6969, network('NFS')],
  [0x517b, network('SMB')],
  [0xfe534d42, network('SMB')],
  [0xff534d42, network('CIFS')],
  [0x01021997, network('9P, a folder shared with the host')],
  [0x786f4256, network('VirtualBox’s shared folder')],
  [0x5346414f, network('AFS')],
  [0x73757245, network('Coda')],
  [0x00c36400, network('Ceph')],
  [0x0bd00bd0, network('Lustre')],
  [0x01161970, network('GFS2')],
  [0x7461636f, network('OCFS2')],
  [0x47504653, network('GPFS')],
  [
    0x65735546,
    { name: 'FUSE', state: 'warning', why: 'it may be a network, or may not keep what was synced' },
  ],
  [0x01021994, { name: 'tmpfs', state: 'problem', why: 'it is memory: everything is gone after a restart' }],
  [0x858458f6, { name: 'ramfs', state: 'problem', why: 'it is memory: everything is gone after a restart' }],
  [
    0x794c7630,
    { name: 'a container’s own layer', state: 'warning', why: 'it is gone when the container is removed' },
  ],
]);

export function checkFileSystem(type: number, platform: NodeJS.Platform): Finding {
  // Some systems give the number with a sign.
  const found = platform === 'linux' ? fileSystems.get(type >>> 0) : undefined;
  if (!found) return ok('file system', 'local, as far as can be told');
  const help =
    'Keep the data folder on a local disk (in a container: on a volume), and carry backups over the network.';
  const message = `The data folder lies on ${found.name}: ${found.why}.`;
  return found.state === 'problem'
    ? problem('file system', message, help)
    : warning('file system', message, help);
}
