// What may happen to a device's process and to its disk at a call of its storage.

import { StorageError } from '@holdfast/client';
import type { StorageMode, StoragePoint } from './device-storage.ts';
import type { Aim, FaultKind } from './faults.ts';

/** The process ends there, by itself or with its power; or the call fails. */
export type ProcessFault = 'crash_device' | 'power_cut' | StorageError;

export type ProcessFaults = (
  point: StoragePoint,
  mode: StorageMode,
  exchanging: boolean,
) => ProcessFault | undefined;

const ends = ['crash_device', 'power_cut'] as const satisfies readonly FaultKind[];
const disks = { disk_busy: 'busy', disk_failed: 'failed', disk_full: 'full' } as const;

export function createProcessFaults(aim: Aim): ProcessFaults {
  const reading = aim.gate('reading', [...ends, 'disk_busy', 'disk_failed']);
  const writing = aim.gate('writing', [...ends, 'disk_busy', 'disk_failed', 'disk_full']);
  const after = aim.gate('after', ends);
  return (point, mode, exchanging) => {
    const writes = mode !== 'read' && point !== 'read';
    const gate = point === 'after' ? after : writes ? writing : reading;
    const kind = gate((struck) =>
      isEnd(struck)
        ? `${mode === 'read' ? 'reading' : 'writing'} ${exchanging ? 'in exchange' : 'alone'}`
        : point,
    );
    if (kind === undefined || isEnd(kind)) return kind;
    return new StorageError(disks[kind as keyof typeof disks], `Simulated: ${kind}.`);
  };
}

function isEnd(kind: FaultKind): kind is (typeof ends)[number] {
  return kind === 'crash_device' || kind === 'power_cut';
}
