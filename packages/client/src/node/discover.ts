// Finds servers on the local network: listens for their beacons, and asks for them by multicast DNS.

import { createSocket } from 'node:dgram';
import type { Timer } from '@holdfast/core';
import multicastDns from 'multicast-dns';
import { nodeTimer } from './clock.ts';
import { type FoundServer, readBeacon, readServices, serviceType } from './found-server.ts';

export interface DiscoverOptions {
  /** Default 6,000: a beacon comes every five seconds. */
  timeoutMs?: number;
  /** Ends the search at once, which then rejects with the signal's reason. */
  signal?: AbortSignal;
  /** The search ends when so many are found. Default: only by its time. At most 100 are told. */
  serversMax?: number;
  /** Where beacons come, by UDP. Default 9999; null: they are not listened for. */
  beaconPort?: number | null;
  /** Whether servers are asked for by multicast DNS, and where that is spoken. Default true. */
  dnsSd?: boolean | { port: number; address: string };
  /** Told of each server as it is found. */
  found?: (server: FoundServer) => void;
}

interface Source {
  close(): void;
}

interface Listener {
  heard: (server: FoundServer) => void;
  /** The network refused; nothing more is heard from this source. */
  failed: (error: Error) => void;
}

const timeoutMsDefault = 6_000;
const beaconPortDefault = 9_999;
const serversMost = 100;
/** A question may get lost on its way: it is asked again, after a second and after three. */
const askAgainMs = [1_000, 3_000];

/**
 * Servers on the local network, each address once, in the order in which they were found. What a server says of itself proves nothing:
 * let a person choose, or ask the one that is meant for its key. Rejects with the signal's reason, or when every way fails.
 */
export function discover(options: DiscoverOptions = {}): Promise<readonly FoundServer[]> {
  const { timeoutMs = timeoutMsDefault, signal, serversMax = serversMost, found } = options;
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const timer = nodeTimer();
    const servers = new Map<string, FoundServer>();
    const faults: Error[] = [];
    const sources: Source[] = [];
    const end = (settle: () => void): void => {
      late.cancel();
      signal?.removeEventListener('abort', aborted);
      for (const source of sources.splice(0)) source.close();
      settle();
    };
    const finish = (): void => end(() => resolve([...servers.values()]));
    const aborted = (): void => end(() => reject(signal?.reason));
    const late = timer.after(timeoutMs, finish);
    signal?.addEventListener('abort', aborted, { once: true });
    const listener: Listener = {
      heard(server) {
        if (sources.length === 0 || servers.has(server.url)) return;
        servers.set(server.url, server);
        found?.(server);
        if (servers.size >= Math.min(serversMax, serversMost)) finish();
      },
      failed(error) {
        faults.push(error);
        if (faults.length < sources.length || servers.size > 0) return;
        end(() => reject(new AggregateError(faults, 'The network cannot be searched for servers.')));
      },
    };
    sources.push(...openSources(options, listener, timer));
  });
}

function openSources(options: DiscoverOptions, listener: Listener, timer: Timer): Source[] {
  const { beaconPort = beaconPortDefault, dnsSd = true } = options;
  return [
    ...(beaconPort === null ? [] : [hearBeacons(beaconPort, listener)]),
    ...(dnsSd === false ? [] : [askForServices(dnsSd === true ? undefined : dnsSd, listener, timer)]),
  ];
}

function hearBeacons(port: number, { heard, failed }: Listener): Source {
  // Other applications on this machine may listen, too.
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  socket.on('error', failed);
  socket.on('message', (datagram, { address }) => {
    const server = readBeacon(datagram, address);
    if (server) heard(server);
  });
  socket.bind(port);
  return { close: () => socket.close() };
}

/** From a port of its own, so that the answers come to it alone, and no other program has to share multicast DNS's. */
function askForServices(
  network: { port: number; address: string } | undefined,
  { heard, failed }: Listener,
  timer: Timer,
): Source {
  const mdns = multicastDns({
    ...(network ? { port: network.port, ip: network.address, multicast: false } : {}),
    bind: false,
  });
  mdns.on('error', failed);
  // Datagrams that are no DNS, and single networks that cannot be joined.
  mdns.on('warning', () => undefined);
  mdns.on('response', (packet, { address }) => readServices(packet, address).forEach(heard));
  const ask = (): void => mdns.query(serviceType, 'PTR');
  ask();
  const later = askAgainMs.map((delayMs) => timer.after(delayMs, ask));
  return {
    close() {
      for (const one of later) one.cancel();
      mdns.destroy();
    },
  };
}
