// The bounds in a config: each checked by its name, then all of them together.

import { assertLimits, defaultLimits, type Limits } from '@holdfast/core';
import { fail } from './config-error.ts';
import { assertLiveBounds, fittingLiveBounds, type LiveBounds, liveBounds } from './realtime/bounds.ts';

export type LiveOptions = Partial<Omit<LiveBounds, 'page'>> & { page?: Partial<LiveBounds['page']> };

export function readLimits(
  value: unknown,
  { maxClockDriftMs }: { maxClockDriftMs: number | undefined },
): Limits {
  const given: Partial<Limits> = readBounds('limits', value, defaultLimits);
  const drift = maxClockDriftMs === undefined ? {} : { clockDriftMsMax: maxClockDriftMs };
  return agreed('limits', () => assertLimits({ ...fitting(given), ...given, ...drift }));
}

export function readLive(value: unknown, limits: Limits): LiveBounds {
  const given: LiveOptions = readBounds('live', value, liveBounds);
  const page = { ...liveBounds.page, ...given.page };
  return agreed('live', () => assertLiveBounds({ ...fittingLiveBounds(limits), ...given, page }, limits));
}

/** Whole numbers above 0 under names that are known, in groups that are known. */
function readBounds(field: string, value: unknown, known: object): object {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fail(field, 'it is an object of limits and their numbers.');
  for (const [name, bound] of Object.entries(value)) {
    const one = `${field}.${name}`;
    const meant: unknown = Object.hasOwn(known, name) ? known[name as keyof typeof known] : undefined;
    if (meant === undefined) fail(one, 'there is no such limit.');
    if (typeof meant === 'object' && meant !== null) readBounds(one, bound, meant);
    else if (!Number.isSafeInteger(bound) || Number(bound) < 1) fail(one, 'it is a whole number above 0.');
  }
  return value;
}

/** The defaults; where one is only there to stay within another, it follows that one. */
function fitting(given: Partial<Limits>): Limits {
  const { devicesPerKeyMax, refusalsPerDeviceMax } = defaultLimits;
  return {
    ...defaultLimits,
    devicesPerKeyMax: Math.min(devicesPerKeyMax, given.devicesMax ?? devicesPerKeyMax),
    refusalsPerDeviceMax: Math.max(refusalsPerDeviceMax, given.batchMutationsMax ?? refusalsPerDeviceMax),
  };
}

function agreed<Bounds extends object>(field: string, bounds: () => Bounds): Readonly<Bounds> {
  try {
    return Object.freeze(bounds());
  } catch (error) {
    return fail(field, error instanceof Error ? error.message : 'they contradict each other.');
  }
}
