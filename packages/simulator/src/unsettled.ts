// Whether everything has come to rest: each device has read up to the head, and keeps in its outbox only what waits for a parent
// or for a person, and what stands behind that on its records.

import type { Mutation } from '@holdfast/core';
import type { Device } from './device.ts';
import type { World } from './world.ts';

interface Entry {
  place: number;
  mutation: Mutation;
  state: string;
}

interface Progress {
  seq: number;
  ended: boolean;
  staged: unknown;
  opened: boolean;
}

/** What has not come to rest, for people; empty when all is settled. */
export function unsettled(world: World, devices: readonly Device[]): string[] {
  return devices.flatMap((device) => {
    if (!device.isUp) return [`${device.name} is down`];
    return world.profile.scopes.flatMap((scope) => restless(world, device, scope));
  });
}

function restless(world: World, device: Device, scope: string): string[] {
  const { head } = world.history.scope(scope);
  const progress = device.disk.get<Progress>('scopes', [scope, 'progress']);
  const name = `${device.name} in ${scope}`;
  if (!progress?.opened) return [`${name} has read nothing`];
  if (progress.ended) return [`${name} believes that its grant has ended`];
  if (progress.seq !== head || progress.staged) return [`${name} shows ${progress.seq} of ${head}`];
  const entries = device.disk
    .entries<Entry>('outbox', [scope])
    .map(({ value }) => value)
    .sort((a, b) => a.place - b.place);
  const behind = new Set<string>();
  const stuck: string[] = [];
  for (const { mutation, state } of entries) {
    const keys = mutation.changes.map((change) => `${change.collection}/${change.id}`);
    const waits = state === 'waiting' || state === 'held' || keys.some((key) => behind.has(key));
    if (waits) for (const key of keys) behind.add(key);
    else if (state !== 'conflict') stuck.push(`${name} still has ${mutation.id} (${state})`);
  }
  return stuck;
}
