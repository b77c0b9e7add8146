// The nemesis: once a second it strikes devices, servers, rights and clocks where it may.

import type { Device } from './device.ts';
import { allServers, strikesIn } from './faults.ts';
import type { Network } from './network.ts';
import type { Operator } from './operator.ts';
import type { ServerProcess } from './server-process.ts';
import { Stranger, strangers } from './stranger.ts';
import type { World } from './world.ts';

export interface Targets {
  devices: readonly Device[];
  servers: readonly ServerProcess[];
  network: Network;
  operator: Operator;
}

export function startNemesis(world: World, targets: Targets): void {
  const { devices, servers, operator } = targets;
  const stranger = new Stranger(world, devices, operator);
  const [draw, decisions] = [world.stream('nemesis'), world.stream('decisions')];
  const tick = (): void => {
    if (world.faults.healed) return;
    world.timeline.after(1_000, tick);
    for (const device of devices) {
      strikeDevice(world, { ...targets, device });
      strikeDisk(world, { device, devices });
    }
    const old = servers.some(({ schemaVersion }) => schemaVersion === 1);
    if (old && world.faults.on(allServers).strikes('upgrade_server', 'act one')) upgradeServers(servers);
    const kind = draw.pick(strangers);
    const visited = draw.pick(servers);
    if (world.faults.on(allServers).strikes('stranger', kind)) void stranger.call(visited, kind);
    if (decisions.chance(0.6)) void operator.decide(decisions.pick(servers));
    if (decisions.chance(0.1)) void operator.sweep(decisions.pick(servers));
  };
  world.timeline.after(1_000, tick);
}

/** All at once: a server of the old schema does not work beside one of the new. */
export function upgradeServers(servers: readonly ServerProcess[]): void {
  if (servers.every(({ schemaVersion }) => schemaVersion === 2)) return;
  for (const server of servers) server.upgrade();
}

function strikeDevice(world: World, { device, network, operator }: Targets & { device: Device }): void {
  const { profile, timeline } = world;
  const aim = world.faults.on(device.name);
  const draw = world.stream(`nemesis ${device.name}`);
  const state = device.isUp ? 'up' : 'down';
  const [jump, part, restoreMs, sleepMs] = [
    draw.fraction(),
    draw.below(9),
    draw.around(5_000),
    draw.around(8_000),
  ];
  if (aim.strikes('partition', state)) network.partition(device.name);
  if (aim.strikes('clock_jump', state)) device.clockOffsetMs += Math.floor((jump - 0.5) * 7_200_000);
  const busy = device.isExchanging ? 'in exchange' : 'alone';
  if (device.isUp && aim.strikes('freeze', busy)) device.stillness.freeze(sleepMs, part < 5);
  if (aim.strikes('revoke_key', state)) {
    void operator.revoke(device);
    timeline.after(restoreMs, () => void operator.give(device, profile.scopes));
  }
  if (aim.strikes('end_scope', state))
    operator.endGrant(device, profile.scopes[part % profile.scopes.length] ?? '');
  if (aim.strikes('read_only', state)) {
    void operator.give(device, profile.scopes, 'read');
    timeline.after(restoreMs, () => void operator.give(device, profile.scopes));
  }
  if (device.schemaVersion === 1 && aim.strikes('upgrade_device', state)) device.upgrade();
}

function strikeDisk(
  { stream, faults, history }: World,
  { device, devices }: { device: Device; devices: readonly Device[] },
): void {
  const draw = stream(`copies ${device.name}`);
  const aim = faults.on(device.name);
  const [keep, poses, other] = [draw.chance(0.4), draw.chance(0.5), draw.pick(devices)];
  const usedUp = draw.chance(0.5);
  const { backup } = device;
  if (keep && device.isUp) backup.keep(device.disk);
  const { disk } = backup;
  const state = backup.state(history);
  // The right moment is when another life has sent what the copy holds.
  const chances = state === 'other' ? 1 : 3;
  if (disk && strikesIn(chances, () => aim.strikes('set_back', state))) {
    // The same copy may come twice.
    if (usedUp && state !== 'half') backup.drop();
    device.setBack(disk);
  }
  if (other === device || !aim.strikes('clone', poses ? 'as the other' : 'as itself')) return;
  if (poses) device.enrolledAs = other.enrolledAs;
  device.cloneOf(other);
}
