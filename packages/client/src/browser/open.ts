// Opens a replica in a browser: IndexedDB, HTTP and sockets, and what the browser says of its network.

import type { Schema } from '@holdfast/core';
import { browserClock, browserRandom, browserTimer } from '../clock.ts';
import { keptDevice } from '../device.ts';
import type { ReplicaOptions } from '../options.ts';
import { createReplica, type Replica } from '../replica.ts';
import { openIndexedDbStorage } from '../storage/indexeddb.ts';
import { createHttpTransport } from '../transport/http.ts';
import type { Transport } from '../transport/port.ts';
import { createWebSocketTransport } from '../transport/websocket.ts';

export type OpenOptions<S extends Schema> = Pick<
  ReplicaOptions<S>,
  | 'schema'
  | 'actor'
  | 'limits'
  | 'stages'
  | 'automatic'
  | 'logger'
  | 'delayMsMin'
  | 'delayMsMax'
  | 'transport'
> & {
  /** Of the database; it is created when it is not there. */
  name: string;
  /** The device's id, as it was enrolled. Absent: made once and kept in the database; `status()` tells it. */
  device?: string | undefined;
  /** The server's address. Absent, and no `transport`: the replica works alone. */
  url?: string;
  /** The device's key; a function is asked for each exchange. */
  key?: string | (() => string | undefined);
  /** From sending an exchange to the last byte of its answer. Default 30 seconds. */
  timeLimitMs?: number;
};

/** Rejects with a StorageError: `busy` when another tab has the replica open. See `openIndexedDbStorage`. */
export async function openReplica<S extends Schema>(options: OpenOptions<S>): Promise<Replica<S>> {
  const { name, url, key, timeLimitMs, transport: given, ...rest } = options;
  const [clock, random, timer] = [browserClock(), browserRandom(), browserTimer()];
  const listens = options.automatic !== undefined && options.automatic.live !== false;
  const own = (address: string, device: string): Transport => {
    const http = {
      url: address,
      clock,
      timer,
      ...(key === undefined ? {} : { key }),
      ...(timeLimitMs === undefined ? {} : { timeLimitMs }),
    };
    return listens ? createWebSocketTransport({ ...http, device, random }) : createHttpTransport(http);
  };
  const storage = await openIndexedDbStorage({ name });
  try {
    const device = options.device ?? (await keptDevice(storage, random));
    const transport = given ?? (url === undefined ? undefined : own(url, device));
    const replica = await createReplica({
      ...rest,
      storage,
      clock,
      random,
      timer,
      device,
      ...(transport ? { transport } : {}),
    });
    return withNetwork(replica);
  } catch (error) {
    await storage.close();
    throw error;
  }
}

/** Told of the browser's network until it is closed. */
function withNetwork<S extends Schema>(replica: Replica<S>): Replica<S> {
  const tell = (): void => replica.setOnline(navigator.onLine);
  for (const event of ['online', 'offline']) addEventListener(event, tell);
  if (navigator.onLine === false) tell();
  const close = replica.close.bind(replica);
  replica.close = async () => {
    for (const event of ['online', 'offline']) removeEventListener(event, tell);
    await close();
  };
  return replica;
}
