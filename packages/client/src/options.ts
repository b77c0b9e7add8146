// What an application may ask of a replica and of a sync, checked before anything is opened or begun.

import {
  assertLimits,
  type Clock,
  defaultLimits,
  type Limits,
  type Random,
  type Schema,
  type Timer,
} from '@holdfast/core';
import { assertName } from './assert-name.ts';
import type { CycleOptions } from './cycle/state.ts';
import type { AsyncVariable } from './inside.ts';
import type { Logger } from './log-lines.ts';
import type { SyncOptions } from './runner.ts';
import { assertStages, type Stages } from './stages.ts';
import type { Storage } from './storage/port.ts';
import type { Transport } from './transport/port.ts';

export interface ReplicaOptions<S extends Schema> {
  schema: S;
  storage: Storage;
  /** Absent: the replica works alone. */
  transport?: Transport;
  /** The device's id, as it was enrolled. */
  device: string;
  clock: Clock;
  random: Random;
  timer: Timer;
  /** Absent: a mutation that awaits the replica itself ends only after 30 seconds. */
  asyncVariable?: AsyncVariable;
  /** The person acting, as a text of at most 200 characters; a function is asked for each mutation. */
  actor?: string | (() => string | undefined);
  limits?: Partial<Limits>;
  /**
   * The first sync of a scope opens these collections first, stage by stage; all others come with the last run. Put little into
   * the first stages: each run reads again what the earlier ones have opened.
   */
  stages?: Stages;
  /**
   * The replica syncs by itself: after writes, after failures, and so often when idle. Where the transport can, it also hears of
   * changes as they come, unless `live` is false. Absent: only on `sync()`.
   */
  automatic?: { everyMs: number; live?: boolean };
  /** Told what became of syncs, one line each, when something moved or failed; `console` is one. Absent: nothing is logged. */
  logger?: Logger;
  /** Bounds of the random delay after a failure; default 1 second, doubling to 60 seconds. */
  delayMsMin?: number;
  delayMsMax?: number;
}

/** The bounds of this replica. Throws a RangeError or TypeError that names the option to blame. */
export function limitsOf<S extends Schema>(options: ReplicaOptions<S>): Limits {
  const limits = assertLimits({ ...defaultLimits, ...options.limits });
  assertName('The device’s id', options.device, limits.idCharsMax);
  if (typeof options.actor === 'string') assertName('The actor', options.actor, limits.idCharsMax);
  assertStages(options.schema, options.stages ?? []);
  return limits;
}

export function cycleOptionsOf<S extends Schema>(
  { automatic, delayMsMin = 1_000, delayMsMax = 60_000 }: ReplicaOptions<S>,
  { batchMutationsMax }: Limits,
): CycleOptions {
  if (!(delayMsMin > 0 && delayMsMin <= delayMsMax && delayMsMax <= delayMsMost))
    throw new RangeError('0 < delayMsMin ≤ delayMsMax ≤ 86,400,000 does not hold.');
  if (automatic && !(automatic.everyMs > 0 && automatic.everyMs <= delayMsMost))
    throw new RangeError('automatic.everyMs is above 0 and at most 86,400,000.');
  return { ...(automatic ? { everyMs: automatic.everyMs } : {}), delayMsMin, delayMsMax, batchMutationsMax };
}

/** A day. */
const delayMsMost = 86_400_000;

export function assertSyncOptions({ minPriority = 1, retries = 0 }: SyncOptions = {}): void {
  if (!(minPriority >= 1 && minPriority <= 10)) throw new RangeError('minPriority is a number from 1 to 10.');
  if (!(Number.isInteger(retries) && retries >= 0 && retries <= 100))
    throw new RangeError('retries is a whole number from 0 to 100.');
}
