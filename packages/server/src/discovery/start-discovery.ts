// How devices on the local network find this server: by DNS-SD and, where a port is named for it, by a beacon.

import { networkInterfaces } from 'node:os';
import type { Clock, Random, Timer } from '@holdfast/core';
import type { Options as Network } from 'multicast-dns';
import { startBeacon } from './beacon.ts';
import { type Interfaces, isLoopback } from './interfaces.ts';
import { announceService } from './service.ts';

export interface DiscoveryDeps {
  clock: Pick<Clock, 'wallMs'>;
  timer: Timer;
  random: Pick<Random, 'bytes'>;
  log: { warn(facts: object, message: string): void };
  /** Tests give their own network. */
  interfaces?: () => Interfaces;
  multicast?: Network;
}

export interface DiscoveryOptions {
  /** Under which the server is shown. */
  name: string;
  version: string;
  /** The address that the server is bound to, not a name; and its port. */
  host: string;
  port: number;
  /** The UDP port where clients listen for the beacon. Absent: there is none. */
  beaconPort?: number | undefined;
}

export interface Discovery {
  /** Tells the network that the server goes. */
  stop(): Promise<void>;
}

/** Whatever fails here is logged and costs nothing else. A server bound to loopback tells this machine alone, and by the beacon alone. */
export function startDiscovery(deps: DiscoveryDeps, options: DiscoveryOptions): Discovery {
  const { clock, timer, random, log, interfaces = networkInterfaces, multicast } = deps;
  const { beaconPort, host } = options;
  const id = Buffer.from(random.bytes(3)).toString('hex');
  const beacon =
    beaconPort === undefined
      ? undefined
      : startBeacon(
          {
            ...{ clock, timer, interfaces },
            failed: (path, error) => log.warn({ ...path, error }, 'A beacon does not leave.'),
          },
          { ...options, beaconPort },
        );
  const service = isLoopback(host)
    ? undefined
    : announceService(
        {
          ...{ timer, interfaces, network: multicast },
          failed: (error) => log.warn({ error }, 'Multicast DNS is not spoken.'),
        },
        { ...options, id },
      );
  return {
    async stop() {
      await Promise.all([beacon?.stop(), service?.stop()]);
    },
  };
}
