// The storage of a simulated device passes the suite of the port; and what a disk keeps, nobody can change.

import { storageContract } from '@holdfast/client/storage/contract';
import { describe, expect, test } from 'vitest';
import { openStorage } from './device-storage.ts';
import { Disk } from './disk.ts';

const quiet = { isAlive: () => true, point: () => undefined, committed: () => undefined };
let disk = new Disk();

storageContract({
  name: 'simulated disk',
  open: async () => {
    disk = new Disk();
    return openStorage(disk, quiet);
  },
  reopen: async () => openStorage(disk, quiet),
});

describe('a power cut', () => {
  const write = async (mode: 'write' | 'durable', value: number): Promise<void> => {
    await openStorage(disk, quiet).transaction(mode, (tx) => tx.put('meta', ['n'], value));
  };

  test('takes commits from the end, and none that is durable', async () => {
    disk = new Disk();
    await write('durable', 1);
    await write('write', 2);
    await write('write', 3);
    expect(disk.volatile).toBe(2);
    disk.lose(1);
    expect(disk.get('meta', ['n'])).toBe(2);
    await write('durable', 4);
    expect(disk.volatile).toBe(0);
  });

  test('takes what was written and not committed', async () => {
    disk = new Disk();
    await write('durable', 1);
    let alive = true;
    const dying = openStorage(disk, {
      ...quiet,
      isAlive: () => alive,
      point: (point) => {
        if (point !== 'commit') return;
        alive = false;
        disk.lose(0);
        throw new Error('dead');
      },
    });
    await expect(dying.transaction('durable', (tx) => tx.put('meta', ['n'], 2))).rejects.toThrow('dead');
    expect(disk.get('meta', ['n'])).toBe(1);
  });
});
