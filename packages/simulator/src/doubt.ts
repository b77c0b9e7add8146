// Faults that are aimed at the moment at which they hurt most: a server has taken a batch, and the device does not know it yet.

import type { ExchangeRequest } from '@holdfast/core';
import type { Backup } from './backup.ts';
import type { Disk } from './disk.ts';
import { strikesIn } from './faults.ts';
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
  readonly backup: Backup;
  readonly name: string;
  readonly isUp: boolean;
  readonly reach: Reach;
  crash(power: boolean): void;
  setBack(disk: Disk): void;
}

/** Whether one strikes. Then the answer does not come. */
export function leaveInDoubt<One extends Sender>(
  { world, network, endGrant }: Deps<One>,
  sender: One,
  { request, state }: { request: ExchangeRequest; state: string },
): boolean {
  if (!request.batch) return false;
  const { name, reach, backup } = sender;
  const aim = world.faults.on(name);
  const draw = world.stream(`doubt ${name}`);
  const [power, told, ends, again] = [0.5, 0.5, 0.3, 0.6].map((probability) => draw.chance(probability));
  const [outMs, againMs] = [draw.around(3_000), draw.around(4_000)];
  if (aim.strikes('end_in_doubt', state)) {
    endGrant(sender, request.scope);
    return true;
  }
  if (!sender.isUp) return false;
  // A part of what the copy holds has been sent, and nothing behind it yet.
  const { disk } = backup;
  const isHeld = request.batch.mutations.some(({ id }) => backup.holds(id));
  if (isHeld && disk && strikesIn(4, () => aim.strikes('set_back', 'in doubt'))) {
    sender.setBack(disk);
    // And once more, when it has sent the rest.
    if (again) world.timeline.after(againMs, () => !world.faults.healed && sender.setBack(disk));
    return true;
  }
  if (!aim.strikes('die_in_doubt', state)) return false;
  sender.crash(power === true);
  if (ends) endGrant(sender, request.scope);
  // The next process finds no network for a while, whether its platform says so or not.
  if (told) reach.goOffline(outMs);
  else network.cutOff(name, world.timeline.nowMs + outMs);
  return true;
}
