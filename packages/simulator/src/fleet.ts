// Servers, network and devices of one world, and the nemesis that strikes them.

import { sha256 } from 'holdfast/digest';
import type { Store } from 'holdfast/store';
import { openSqliteStore } from 'holdfast/store/sqlite';
import { Device } from './device.ts';
import type { Disk } from './disk.ts';
import { createDatabase } from './memory-store/database.ts';
import { openMemoryStore } from './memory-store/open.ts';
import { Network } from './network.ts';
import { Operator } from './operator.ts';
import { serverSchemas } from './schema.ts';
import { ServerProcess } from './server-process.ts';
import { epochMs, type World } from './world.ts';

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
  const opener = profile.store === 'sqlite' ? sqliteOpener(world) : memoryOpener(world);
  const servers = Array.from(
    { length: profile.servers },
    (_, at) => new ServerProcess(world, { name: `s${at}`, openStore: opener.open }),
  );
  const network = new Network(world, servers);
  let operator: Operator | undefined;
  const devices = Array.from(
    { length: profile.devices },
    (_, at) =>
      new Device({
        world,
        network,
        name: `d${at}`,
        scopes: profile.scopes,
        rightOf: (key, scope, atMs) => operator?.rightOf(key, scope, atMs) ?? 'none',
      }),
  );
  return {
    devices,
    async start() {
      operator = new Operator(world, await opener.open());
      if (world.faults.strikes('old_server', 'start')) for (const server of servers) server.schemaVersion = 1;
      for (const server of servers) await server.start();
      for (const device of devices) {
        setClock(world, device);
        if (world.faults.strikes('old_device', 'start')) device.schemaVersion = 1;
        await operator.give(device, profile.scopes);
        await device.start();
      }
      startNemesis(world, { devices, servers, network, operator });
    },
    heal() {
      world.faults.heal();
      network.heal();
      upgradeServers(servers);
      for (const device of devices) {
        device.working = false;
        device.comeBack();
        void operator?.give(device, profile.scopes);
        device.resume();
        // A refusal that was on its way may still make it pause; the person signs in again.
        world.timeline.after(20_000, () => device.resume());
      }
    },
    close: opener.close,
  };
}

interface Opener {
  open: () => Promise<Store>;
  close: () => Promise<void>;
}

/** A server alone begins a new life at each start. Several at once share one: their seqs are of one chain. */
function memoryOpener(world: World): Opener {
  const database = createDatabase();
  const { servers, serverLimits } = world.profile;
  let lives = 0;
  return {
    open: async () => {
      if (servers === 1 || lives === 0) lives += 1;
      const life = { id: `life-${lives}`, startedAt: Math.floor(epochMs + world.timeline.nowMs) };
      const readersPerScopeMax = serverLimits.readersPerScopeMax;
      return openMemoryStore({ database, life, oneWriter: servers === 1, readersPerScopeMax });
    },
    close: async () => undefined,
  };
}

/** A database in memory ends with its connection, so a server that comes back finds the same store open. */
function sqliteOpener(world: World): Opener {
  let store: Promise<Store> | undefined;
  return {
    open: () => {
      store ??= openSqliteStore({
        file: null,
        life: { id: 'life-1', startedAt: epochMs },
        schema: serverSchemas[2],
        limits: world.profile.serverLimits,
        sha256,
      });
      return store;
    },
    close: async () => (await store)?.close(),
  };
}

const yearMs = 365 * 24 * 3_600_000;

function setClock(world: World, device: Device): void {
  const draw = world.stream('clocks');
  const offset = draw.pick([74 * yearMs, -55.9 * yearMs, -24 * 3_600_000, 3_600_000, -300_000]);
  if (world.faults.strikes('clock_wrong', 'start')) device.clockOffsetMs = Math.floor(offset);
  const drift = (draw.fraction() - 0.5) * 0.02;
  if (world.faults.strikes('clock_drift', 'start')) device.clockDrift = drift;
}

/** All at once: a server of the old schema does not work beside one of the new. */
function upgradeServers(servers: readonly ServerProcess[]): void {
  if (servers.every(({ schemaVersion }) => schemaVersion === 2)) return;
  for (const server of servers) server.upgrade();
}

interface Targets {
  devices: readonly Device[];
  servers: readonly ServerProcess[];
  network: Network;
  operator: Operator;
}

/** Once a second it strikes where it may. */
function startNemesis(world: World, targets: Targets): void {
  const copies = new Map<Device, Disk>();
  const tick = (): void => {
    if (world.faults.healed) return;
    world.timeline.after(1_000, tick);
    for (const device of targets.devices) strikeDevice(world, { ...targets, device, copies });
    const state = targets.servers.every(({ isUp }) => isUp) ? 'up' : 'down';
    const old = targets.servers.some(({ schemaVersion }) => schemaVersion === 1);
    if (old && world.faults.strikes('upgrade_server', state)) upgradeServers(targets.servers);
    if (world.stream('decisions').chance(0.6))
      void targets.operator.decide(world.stream('decisions').pick(targets.servers));
  };
  world.timeline.after(1_000, tick);
}

function strikeDevice(
  world: World,
  { device, network, operator, copies }: Targets & { device: Device; copies: Map<Device, Disk> },
): void {
  const { faults, profile, timeline } = world;
  const draw = world.stream('nemesis');
  const state = device.isUp ? 'up' : 'down';
  const [jump, part, restoreMs, keep] = [
    draw.fraction(),
    draw.below(9),
    draw.around(5_000),
    draw.chance(0.2),
  ];
  if (faults.strikes('partition', state)) network.partition(device.name);
  if (faults.strikes('clock_jump', state)) device.clockOffsetMs += Math.floor((jump - 0.5) * 7_200_000);
  if (faults.strikes('revoke_key', state)) {
    void operator.revoke(device);
    timeline.after(restoreMs, () => void operator.give(device, profile.scopes));
  }
  if (faults.strikes('end_scope', state)) {
    const scope = profile.scopes[part % profile.scopes.length];
    void operator.give(
      device,
      profile.scopes.filter((other) => other !== scope),
    );
    timeline.after(restoreMs, () => void operator.give(device, profile.scopes));
  }
  if (device.schemaVersion === 1 && faults.strikes('upgrade_device', state)) device.upgrade();
  if (keep && device.isUp && !copies.has(device)) copies.set(device, device.disk.copy());
  const copy = copies.get(device);
  if (copy && faults.strikes('set_back', state)) {
    copies.delete(device);
    device.setBack(copy);
  }
}
