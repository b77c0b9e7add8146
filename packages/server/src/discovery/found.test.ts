// A replica finds a server: both sides as they are, on this machine's loopback.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { NetworkInterfaceInfo } from 'node:os';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { discover } from '@holdfast/client/node';
import { expect, test } from 'vitest';
import { systemClock, systemRandom, systemTimer } from '../clock.ts';
import { composeServer } from '../compose.ts';
import { defineConfig } from '../config.ts';
import { presetOptions } from '../presets/presets.ts';
import { startDiscovery } from './start-discovery.ts';

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

test('by the beacon of a preset, at the address where it serves', async () => {
  const data = await mkdtemp(join(tmpdir(), 'holdfast-found-'));
  const beaconPort = await freePort();
  const found = discover({ beaconPort, dnsSd: false, serversMax: 1, timeoutMs: 30_000 });
  const options = presetOptions('hims', { DISCOVERY_PORT: String(beaconPort) });
  const here = { host: '127.0.0.1', port: 0, data, logLevel: 'silent' } as const;
  const server = composeServer(defineConfig({ ...options, ...here }));
  try {
    const { url } = await server.start();
    expect(await found).toMatchObject([{ name: 'HIMS Master Server', url, by: 'beacon' }]);
    expect((await fetch(`${url}/ping`)).status).toBe(200);
  } finally {
    await server.stop();
    await rm(data, { recursive: true, force: true });
  }
});

test('by DNS-SD, under the name that people know', async () => {
  const port = await freePort();
  const eth: NetworkInterfaceInfo = {
    ...{ address: '127.0.0.9', netmask: '255.0.0.0', internal: false, family: 'IPv4' },
    ...{ mac: '00:00:00:00:00:00', cidr: null },
  };
  const discovery = startDiscovery(
    {
      ...{ clock: systemClock, timer: systemTimer, random: systemRandom, log: { warn: () => undefined } },
      interfaces: () => ({ eth: [eth] }),
      multicast: { port, ip: '127.0.0.1', multicast: false, bind: '127.0.0.1' },
    },
    { name: 'Bar at St. Pauli', version: '1.0.0', host: '0.0.0.0', port: 4_870 },
  );
  try {
    const dnsSd = { port, address: '127.0.0.1' };
    expect(await discover({ beaconPort: null, dnsSd, serversMax: 1, timeoutMs: 30_000 })).toEqual([
      {
        name: 'Bar at St. Pauli',
        url: 'http://127.0.0.1:4870',
        host: '127.0.0.1',
        port: 4_870,
        by: 'dns-sd',
      },
    ]);
  } finally {
    await discovery.stop();
  }
});
