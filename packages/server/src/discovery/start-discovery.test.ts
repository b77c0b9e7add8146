// Beacons and answers on this machine's loopback, on ports that are free.

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { NetworkInterfaceInfo } from 'node:os';
import multicastDns from 'multicast-dns';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DiscoveryDeps, type DiscoveryOptions, startDiscovery } from './start-discovery.ts';

const lo: NetworkInterfaceInfo = {
  ...{ address: '127.0.0.1', netmask: '255.0.0.0', internal: true, family: 'IPv4' },
  ...{ mac: '00:00:00:00:00:00', cidr: null },
};
/** Nobody has it: a socket cannot be bound to it. */
const nowhere: NetworkInterfaceInfo = {
  ...lo,
  address: '203.0.113.9',
  netmask: '255.255.255.0',
  internal: false,
};

let ends: (() => unknown)[];
let due: { delayMs: number; run: () => void }[];
let warnings: string[];
let deps: DiscoveryDeps;

beforeEach(() => {
  ends = [];
  due = [];
  warnings = [];
  deps = {
    clock: { wallMs: () => Date.UTC(2026, 10, 21, 8) },
    timer: {
      after(delayMs, run) {
        const one = { delayMs, run };
        due.push(one);
        return { cancel: () => (due = due.filter((other) => other !== one)) };
      },
    },
    random: { bytes: (length) => new Uint8Array(length).fill(0xab) },
    log: { warn: (_, message) => warnings.push(message) },
    interfaces: () => ({ lo: [lo] }),
  };
});
afterEach(async () => {
  for (const end of ends.reverse()) await end();
});

async function listen(): Promise<{ socket: Socket; port: number; next: () => Promise<unknown> }> {
  const socket = createSocket('udp4');
  const heard: unknown[] = [];
  let wake = (): void => undefined;
  socket.on('message', (message) => {
    heard.push(JSON.parse(message.toString()));
    wake();
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  ends.push(() => socket.close());
  return {
    socket,
    port: socket.address().port,
    async next() {
      while (heard.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return heard.shift();
    },
  };
}

function start(options: Partial<DiscoveryOptions>): { stop(): Promise<void> } {
  const discovery = startDiscovery(deps, {
    ...{ name: 'HIMS Master Server', version: '1.0.0', host: '127.0.0.1', port: 5000, ...options },
  });
  ends.push(() => discovery.stop());
  return discovery;
}

/** Runs the timers that are due. Whatever was begun before has come to its end by then. */
async function beat(delayMs: number): Promise<void> {
  while (!due.some((one) => one.delayMs === delayMs)) await new Promise((resolve) => setImmediate(resolve));
  const now = due.filter((one) => one.delayMs === delayMs);
  due = due.filter((one) => one.delayMs !== delayMs);
  for (const { run } of now) run();
}

const beacon = {
  ...{ serverIP: '127.0.0.1', port: 5000, name: 'HIMS Master Server', version: '1.0.0' },
  timestamp: '2026-11-21T08:00:00.000Z',
};

test('the first beacon leaves at once, the next after five seconds, and none after the end', async () => {
  const { port, next } = await listen();
  const { stop } = start({ beaconPort: port });
  expect(await next()).toEqual(beacon);
  await beat(5_000);
  expect(await next()).toEqual(beacon);
  await stop();
  expect(due).toEqual([]);
  expect(warnings).toEqual([]);
});

test('a network that fails is told once, and the others get their beacons', async () => {
  deps = { ...deps, interfaces: () => ({ lo: [lo], gone: [nowhere] }), multicast: { bind: false } };
  const { port, next } = await listen();
  start({ beaconPort: port, host: '0.0.0.0' });
  expect(await next()).toEqual(beacon);
  await beat(5_000);
  expect(await next()).toEqual(beacon);
  await beat(5_000);
  expect(warnings).toEqual(['A beacon does not leave.']);
});

test('an end while beacons are on their way waits for them', async () => {
  const { port } = await listen();
  const discovery = start({ beaconPort: port });
  await discovery.stop();
  expect(due).toEqual([]);
});

test('who asks the network for servers finds this one, until it has ended', async () => {
  const free = await listen();
  free.socket.close();
  ends.pop();
  const network = { port: free.port, ip: '127.0.0.1', multicast: false } as const;
  const eth: NetworkInterfaceInfo = { ...lo, address: '127.0.0.9', internal: false };
  let near = true;
  const interfaces = () => {
    const found = near ? { eth: [eth] } : {};
    near = true;
    return found;
  };
  deps = { ...deps, interfaces, multicast: { ...network, bind: '127.0.0.1' } };
  start({ host: '0.0.0.0' });
  await beat(1_000);
  const asking = multicastDns({ ...network, bind: false });
  ends.push(() => new Promise<void>((resolve) => asking.destroy(resolve)));
  const answer = new Promise((resolve) => asking.once('response', resolve));
  const questions = [{ name: '_holdfast._tcp.local', type: 'PTR' } as const];
  // Of these two the first comes from another network, as far as the server can see.
  near = false;
  for (const id of [1, 2]) asking.query({ id, questions });
  expect(await answer).toMatchObject({
    id: 2,
    answers: [{ type: 'PTR', data: 'HIMS Master Server ababab._holdfast._tcp.local' }],
    additionals: [{ data: { port: 5000 } }, { type: 'TXT' }, { type: 'A', data: '127.0.0.9' }],
  });
});

test('where multicast DNS cannot be spoken, it is told, and the end is clean', async () => {
  const taken = await listen();
  const network = {
    port: taken.port,
    ip: '127.0.0.1',
    multicast: false,
    bind: '127.0.0.1',
    reuseAddr: false,
  };
  deps = { ...deps, multicast: network };
  const told = new Promise<string>((resolve) => {
    deps = { ...deps, log: { warn: (_, message) => resolve(message) } };
  });
  const { stop } = start({ host: '0.0.0.0' });
  expect(await told).toBe('Multicast DNS is not spoken.');
  await stop();
  expect(due).toEqual([]);
});
