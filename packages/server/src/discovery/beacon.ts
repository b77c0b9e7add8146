// The beacon: a datagram every few seconds by which clients on the local network find the server.

import { createSocket } from 'node:dgram';
import type { Clock, Timer, TimerHandle } from '@holdfast/core';
import { type BeaconPath, beaconPaths, type Interfaces } from './interfaces.ts';

export interface BeaconDeps {
  clock: Pick<Clock, 'wallMs'>;
  timer: Timer;
  interfaces: () => Interfaces;
  /** Told when a path begins to fail, not each time that it does. */
  failed: (path: BeaconPath, error: unknown) => void;
}

export interface BeaconOptions {
  name: string;
  version: string;
  /** The address that the server is bound to, and its port. */
  host: string;
  port: number;
  /** Where clients listen. */
  beaconPort: number;
}

export interface Beacon {
  /** No datagram leaves after it has resolved. */
  stop(): Promise<void>;
}

const everyMs = 5_000;

/** The first one leaves at once. A path that fails is tried again with the next; the others do not wait for it. */
export function startBeacon(deps: BeaconDeps, options: BeaconOptions): Beacon {
  let armed: TimerHandle | undefined;
  let sending: Promise<unknown> = Promise.resolve();
  let failing: ReadonlySet<string> = new Set();

  async function send(path: BeaconPath): Promise<string | undefined> {
    try {
      await sendDatagram(path, { port: options.beaconPort, text: beaconText(options, path, deps.clock) });
      return undefined;
    } catch (error) {
      const key = `${path.from} ${path.to}`;
      if (!failing.has(key)) deps.failed(path, error);
      return key;
    }
  }

  async function beat(): Promise<void> {
    // Read each time: networks come and go.
    const keys = await Promise.all(beaconPaths(options.host, deps.interfaces()).map(send));
    failing = new Set(keys.filter((key) => key !== undefined));
    armed = deps.timer.after(everyMs, next);
  }

  function next(): void {
    sending = beat();
  }

  next();
  return {
    async stop() {
      armed?.cancel();
      await sending;
      // What was on its way has armed the next one.
      armed?.cancel();
    },
  };
}

function beaconText(
  { name, version, port }: BeaconOptions,
  { from }: BeaconPath,
  clock: BeaconDeps['clock'],
): string {
  const timestamp = new Date(clock.wallMs()).toISOString();
  return JSON.stringify({ serverIP: from, port, name, version, timestamp });
}

/** By a socket of its own, bound to the address that it is to leave by: else the system chooses one. */
function sendDatagram(
  { from, to }: BeaconPath,
  { port, text }: { port: number; text: string },
): Promise<void> {
  const socket = createSocket('udp4');
  return new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, from, () => {
      socket.setBroadcast(true);
      socket.send(text, port, to, (error) => (error ? reject(error) : resolve()));
    });
  }).finally(() => socket.close());
}
