// Faults that are aimed at the moment at which they hurt most: a server has taken a batch, and the device does not know it yet.

import type { ExchangeRequest } from '@holdfast/core';
import type { Network } from './network.ts';
import type { Reach } from './reach.ts';
import type { World } from './world.ts';

interface Deps<One> {
  world: World;
  network: Network;
  /** Takes its grant to a scope away for a while. */
  endGrant: (device: One, scope: string) => void;
}

interface Sender {
  readonly name: string;
  readonly isUp: boolean;
  readonly reach: Reach;
  crash(power: boolean): void;
}

/** Whether one strikes. Then the answer does not come. */
export function leaveInDoubt<One extends Sender>(
  { world, network, endGrant }: Deps<One>,
  sender: One,
  { request, state }: { request: ExchangeRequest; state: string },
): boolean {
  if (!request.batch) return false;
  const { name, reach } = sender;
  const aim = world.faults.on(name);
  const draw = world.stream(`doubt ${name}`);
  const [power, told, outMs] = [draw.chance(0.5), draw.chance(0.5), draw.around(3_000)];
  if (aim.strikes('end_in_doubt', state)) {
    endGrant(sender, request.scope);
    return true;
  }
  if (!sender.isUp || !aim.strikes('die_in_doubt', state)) return false;
  sender.crash(power);
  // The next process finds no network for a while, whether its platform says so or not.
  if (told) reach.goOffline(outMs);
  else network.cutOff(name, world.timeline.nowMs + outMs);
  return true;
}
