// Servers, network and devices of one world.

import { Device } from './device.ts';
import { allServers } from './faults.ts';
import { startNemesis, upgradeServers } from './nemesis.ts';
import { Network } from './network.ts';
import { createOpener } from './openers.ts';
import { Operator } from './operator.ts';
import { ServerProcess } from './server-process.ts';
import type { World } from './world.ts';

export interface Fleet {
  devices: readonly Device[];
  /** Everything is up, and act one begins. */
  start(): Promise<void>;
  /** All faults end; what they left behind is mended as people would mend it. */
  heal(): void;
  close(): Promise<void>;
}

export function createFleet(world: World): Fleet {
  const { profile } = world;
  const opener = createOpener(world);
  const servers = Array.from(
    { length: profile.servers },
    (_, at) => new ServerProcess(world, { name: `s${at}`, openStore: opener.open }),
  );
  const network = new Network(world, servers);
  let operator: Operator | undefined;
  const devices = profile.devices.map(
    (name) =>
      new Device({
        world,
        network,
        name,
        scopes: profile.scopes,
        rightOf: (key, scope, atMs) => operator?.rightOf(key, scope, atMs) ?? 'none',
        endGrant: (device, scope) => operator?.endGrant(device, scope),
      }),
  );
  return {
    devices,
    async start() {
      operator = new Operator(world, opener.current);
      if (world.faults.on(allServers).strikes('old_server', 'start'))
        for (const server of servers) server.schemaVersion = 1;
      for (const server of servers) await server.start();
      for (const device of devices) {
        setClock(world, device);
        if (world.faults.on(device.name).strikes('old_device', 'start')) device.schemaVersion = 1;
        await operator.give(device, profile.scopes);
        await comes(world, device);
      }
      startNemesis(world, { devices, servers, network, operator });
    },
    heal() {
      world.faults.heal();
      network.heal();
      upgradeServers(servers);
      for (const device of devices) {
        device.working = false;
        device.reach.comeBack();
        device.stillness.thaw();
        void operator?.give(device, profile.scopes);
        void device.signIn();
        // A refusal that was on its way may still make it pause; the person signs in again.
        world.timeline.after(20_000, () => void device.signIn());
      }
    },
    close: opener.close,
  };
}

/** At once; or later by itself, unless something has made it start before. */
async function comes({ timeline }: World, device: Device): Promise<void> {
  const { comesMs } = device.firstSync;
  if (comesMs === 0) return device.start();
  timeline.after(comesMs, () => {
    if (!device.isUp) void device.start();
  });
}

const yearMs = 365 * 24 * 3_600_000;

function setClock(world: World, device: Device): void {
  const draw = world.stream(`clocks ${device.name}`);
  const aim = world.faults.on(device.name);
  const offset = draw.pick([74 * yearMs, -55.9 * yearMs, -24 * 3_600_000, 3_600_000, -300_000]);
  if (aim.strikes('clock_wrong', 'start')) device.clockOffsetMs = Math.floor(offset);
  const drift = (draw.fraction() - 0.5) * 0.02;
  if (aim.strikes('clock_drift', 'start')) device.clockDrift = drift;
}
