// The network between one device and the server: a small TCP proxy that can be unplugged, and that can swallow what travels, so that
// a push breaks off in the middle or an answer never arrives.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Line {
  /** Where the device finds the server. */
  readonly url: string;
  plug(): void;
  /** Cuts every connection; new ones are refused. */
  unplug(): void;
  /**
   * From now on, behind so many bytes that the device sends on one connection, its own bytes or the server's go no further.
   * Resolves when some were held back; they are lost when the line is unplugged.
   */
  swallow(side: 'requests' | 'answers', afterBytes: number): Promise<void>;
  close(): Promise<void>;
}

interface Swallowing {
  side: 'requests' | 'answers';
  afterBytes: number;
  swallowed(): void;
}

export async function createLine(serverUrl: string): Promise<Line> {
  const target = new URL(serverUrl);
  const open = new Set<Socket>();
  let plugged = true;
  let swallowing: Swallowing | undefined;

  const keep = (socket: Socket, other: Socket): void => {
    open.add(socket);
    socket.setNoDelay(true);
    // A cut line is what this is for; both ends notice it by themselves.
    socket.on('error', () => other.destroy());
    socket.on('close', () => {
      open.delete(socket);
      other.destroy();
    });
  };
  const server = createServer((device) => {
    if (!plugged) {
      device.destroy();
      return;
    }
    const peer = connect(Number(target.port), target.hostname);
    keep(device, peer);
    keep(peer, device);
    let sent = 0;
    device.on('data', (bytes: Buffer) => {
      sent += bytes.length;
      const over = swallowing ? sent - swallowing.afterBytes : 0;
      if (swallowing?.side !== 'requests' || over <= 0) {
        peer.write(bytes);
        return;
      }
      peer.write(bytes.subarray(0, Math.max(0, bytes.length - over)));
      swallowing.swallowed();
    });
    peer.on('data', (bytes) => {
      if (swallowing?.side === 'answers' && sent > swallowing.afterBytes) swallowing.swallowed();
      else device.write(bytes);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    plug() {
      plugged = true;
    },
    unplug() {
      plugged = false;
      swallowing = undefined;
      for (const socket of open) socket.destroy();
    },
    swallow: (side, afterBytes) =>
      new Promise((swallowed) => {
        swallowing = { side, afterBytes, swallowed };
      }),
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
