// How a device stands: what others wrote that it has not pulled, its conflicts, and what became of its syncs.

import type { z } from 'zod';
import type { Caller } from '../../engine/engine.ts';
import type { MountDeps } from '../mount.ts';
import type { History } from './history.ts';
import { protocolName, writerOf } from './records.ts';
import type { statusAnswer } from './wire.ts';

export async function statusOf(
  { engine, scope, collections }: Pick<MountDeps, 'engine' | 'scope' | 'collections'>,
  caller: Caller,
  history: History,
): Promise<z.infer<typeof statusAnswer>> {
  const { device } = caller;
  const entities = [...collections.values()];
  const { sent, confirmed } = await engine.readTo(scope, device, { as: protocolName });
  const seq = Math.max(sent, confirmed);
  const [unread, tally, syncs] = await Promise.all([
    engine.inspect.unread(scope, {
      writer: writerOf(device),
      collections: entities.map(({ collection }) => ({ collection, seq })),
    }),
    engine.inspect.conflictTally(scope, device),
    history.of(device),
  ]);
  const counts = new Map(unread.map((count) => [count.collection, count]));
  const mounted = new Set(entities.map(({ collection }) => collection));
  const totals = entities.map(({ wire, collection }) => [wire, counts.get(collection)?.live ?? 0] as const);
  return {
    success: true,
    deviceId: device,
    lastSync: syncs.lastSync,
    pendingChanges: unread.reduce((sum, count) => sum + count.unread, 0),
    conflicts: tally.reduce((sum, { collection, all }) => sum + (mounted.has(collection) ? all : 0), 0),
    totals: Object.fromEntries(totals),
    history: [...syncs.history],
  };
}
