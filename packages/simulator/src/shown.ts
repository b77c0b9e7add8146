// What of a scope a device shows, read off its disk: all of it as of one seq; while a first sync opens by stages, some collections.

import type { Disk } from './disk.ts';

export interface Progress {
  seq: number;
  ended: boolean;
  opened: boolean;
}

/** A first sync that goes on. */
export interface Stage {
  /** Those that are open, as of `seq`. */
  collections: readonly string[];
  seq: number;
}

export function stageOf(disk: Disk, scope: string): Stage | undefined {
  return disk.get<Stage>('scopes', [scope, 'stage']);
}

/** Up to which seq all of these collections are shown. Undefined: nothing is, and nothing has to be. */
export function seqShown(disk: Disk, scope: string, collections: readonly string[]): number | undefined {
  const progress = disk.get<Progress>('scopes', [scope, 'progress']);
  if (!progress || progress.ended) return undefined;
  if (progress.opened) return progress.seq;
  const stage = stageOf(disk, scope);
  return stage && isOpen(stage, collections) ? stage.seq : 0;
}

export function isOpen(stage: Stage, collections: readonly string[]): boolean {
  return collections.every((name) => stage.collections.includes(name));
}
