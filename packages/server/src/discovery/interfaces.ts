// Which addresses of this machine reach the server, and where its beacons go: arithmetic on IPv4 addresses, no socket.

import type { NetworkInterfaceInfo } from 'node:os';

/** What `os.networkInterfaces` answers. */
export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

export interface BeaconPath {
  /** The address that it leaves by, under which the server is reached from there. */
  from: string;
  to: string;
}

const loopback = '127.0.0.1';

/** `host`: the address that the server is bound to. */
export function beaconPaths(host: string, interfaces: Interfaces): readonly BeaconPath[] {
  if (isLoopback(host)) return [{ from: loopback, to: loopback }];
  const near = external(interfaces).filter(({ address }) => isEverywhere(host) || address === host);
  const broadcasts = near
    .map(({ address, netmask }) => ({ from: address, to: broadcastOf(address, netmask) }))
    // An address without a network around it.
    .filter(({ from, to }) => from !== to);
  return [...broadcasts, { from: isEverywhere(host) ? loopback : host, to: loopback }];
}

/** Where others on the network reach the server; nowhere when it is bound to loopback. */
export function reachableAddresses(host: string, interfaces: Interfaces): readonly string[] {
  const all = external(interfaces).map(({ address }) => address);
  return isEverywhere(host) ? all : all.filter((address) => address === host);
}

/** Whether a peer is on a network of this machine: whoever asks from farther away would have the answer sent to somebody else. */
export function isOnLink(peer: string, interfaces: Interfaces): boolean {
  const asked = numberOf(peer);
  return ipv4(interfaces).some(({ address, netmask }) => {
    const mask = numberOf(netmask);
    return (numberOf(address) & mask) === (asked & mask);
  });
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function isEverywhere(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

function ipv4(interfaces: Interfaces): readonly NetworkInterfaceInfo[] {
  return Object.values(interfaces).flatMap((infos) =>
    (infos ?? []).filter(({ family }) => family === 'IPv4'),
  );
}

function external(interfaces: Interfaces): readonly NetworkInterfaceInfo[] {
  return ipv4(interfaces).filter(({ internal }) => !internal);
}

function broadcastOf(address: string, netmask: string): string {
  const all = (numberOf(address) | ~numberOf(netmask)) >>> 0;
  return [24, 16, 8, 0].map((bits) => (all >>> bits) & 255).join('.');
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => ((sum << 8) | Number(part)) >>> 0, 0);
}
