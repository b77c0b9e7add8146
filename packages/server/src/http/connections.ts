// How many sockets may be open: in all, and from one address, so that one peer cannot take them all.

import type { Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export interface ConnectionBounds {
  connectionsMax: number;
  connectionsPerAddressMax: number;
}

/** Closes what is beyond the bounds as it comes in; nothing is read from it. */
export function capConnections(
  server: Pick<Server, 'on' | 'maxConnections'>,
  bounds: ConnectionBounds,
): void {
  server.maxConnections = bounds.connectionsMax;
  const open = createCounts(bounds.connectionsPerAddressMax);
  server.on('connection', (socket: Socket) => {
    if (!open.hold(socket.remoteAddress, socket)) socket.destroy();
  });
}

/** Sockets of each address. */
export function createCounts(max: number): {
  /** Counts it until it closes. False: there are too many. */
  hold(address: string | undefined, socket: Pick<Duplex, 'once'>): boolean;
} {
  const open = new Map<string, number>();
  return {
    hold(address = '', socket) {
      const count = (open.get(address) ?? 0) + 1;
      if (count > max) return false;
      open.set(address, count);
      socket.once('close', () => {
        const left = (open.get(address) ?? 1) - 1;
        if (left > 0) open.set(address, left);
        else open.delete(address);
      });
      return true;
    },
  };
}
