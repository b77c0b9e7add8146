// A pull of terminal: a page behind a time, of one type or of all.

import { RequestError } from '@holdfast/core';
import { rightIn } from '../../engine/access.ts';
import type { Caller, PullResult } from '../../engine/engine.ts';
import type { MountDeps } from '../mount.ts';
import { readTimeMs, timeText } from '../time.ts';
import type { PulledChange } from './answers.ts';
import type { Entities } from './entities.ts';
import { protocolName, pulledChanges } from './translate.ts';
import { pageRecordsDefault, pageRecordsMax } from './wire.ts';

export type PullDeps = Pick<MountDeps, 'engine' | 'scope' | 'clock'> & { entities: Entities };

export interface Asked {
  entityType?: string | undefined;
  lastSync?: string | undefined;
  limit?: string | undefined;
}

/** Under which name it is noted how far a terminal has read: of one type, or of all. */
export function readingOf(entityType?: string): string {
  return entityType === undefined ? protocolName : `${protocolName}:${entityType}`;
}

/** Throws RequestError `forbidden`, or `malformed` for a type that is not taken. */
export async function pull(
  { engine, scope, clock, entities }: PullDeps,
  caller: Caller,
  { entityType, lastSync, limit }: Asked,
): Promise<{ changes: PulledChange[]; hasMore: boolean; lastSync: string }> {
  const collections = collectionsOf(entities, entityType);
  const since = lastSync ? readTimeMs(lastSync) : undefined;
  const page = await engine.pull(caller, scope, {
    after: since === undefined ? null : { stamp: since },
    ...(collections ? { collections } : {}),
    recordsMax: Math.min(limit === undefined ? pageRecordsDefault : Number(limit), pageRecordsMax),
    // A page that was cut counts as read when its terminal comes back with the time behind it.
    notedAs: readingOf(entityType),
    notedWhole: true,
  });
  checkReads(page, scope);
  return {
    changes: pulledChanges(page.records, entities),
    hasMore: page.more,
    lastSync: timeText(page.head === 0 ? sinceOfNothing(since, clock.wallMs()) : page.stamp),
  };
}

function collectionsOf(entities: Entities, entityType: string | undefined): readonly string[] | undefined {
  if (entityType === undefined) return entities.collections;
  const collection = entities.collection(entityType);
  if (collection !== undefined) return [collection];
  const message = 'entityType: This server keeps no such type.';
  throw new RequestError('malformed', { field: 'entityType', message });
}

export function checkReads({ grants }: Pick<PullResult, 'grants'>, scope: string): void {
  if (rightIn(grants, scope) === 'none') throw new RequestError('forbidden', { field: 'scope' });
}

/** Where nothing was ever written, a time that is still to come would skip what is written until then. */
function sinceOfNothing(since: number | undefined, nowMs: number): number {
  return since !== undefined && since <= nowMs ? since : 0;
}
