// How many sockets may be open: in all, and from one address, so that one peer cannot take them all.

import type { Server, Socket } from 'node:net';

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
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    const count = (open.get(address) ?? 0) + 1;
    if (count > bounds.connectionsPerAddressMax) {
      socket.destroy();
      return;
    }
    open.set(address, count);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left > 0) open.set(address, left);
      else open.delete(address);
    });
  });
}
