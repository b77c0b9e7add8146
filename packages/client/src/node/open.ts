// Opens a replica on Node: SQLite or memory, HTTP, and the machine's own clock.

import type { Clock, Schema } from '@holdfast/core';
import { keptDevice } from '../device.ts';
import type { ReplicaOptions } from '../options.ts';
import { createReplica, type Replica } from '../replica.ts';
import { createMemoryStorage } from '../storage/memory.ts';
import type { Storage } from '../storage/port.ts';
import { createHttpTransport } from '../transport/http.ts';
import type { Transport } from '../transport/port.ts';
import { createWebSocketTransport } from '../transport/websocket.ts';
import { nodeAsyncVariable } from './async-variable.ts';
import { nodeClock, nodeRandom, nodeTimer } from './clock.ts';
import { openSqliteStorage } from './sqlite.ts';

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
  /** The device's id, as it was enrolled. Absent: made once and kept in the file; `status()` tells it. */
  device?: string | undefined;
  /** The server's address. Absent, and no `transport`: the replica works alone. */
  url?: string;
  /** The device's key; a function is asked for each exchange. */
  key?: string | (() => string | undefined);
  /** From sending an exchange to the last byte of its answer. Default 30 seconds. */
  timeLimitMs?: number;
  /** Instead of the machine's own. */
  clock?: Clock;
} & (
    | {
        /** The SQLite file; it is created when it is not there. */
        path: string;
        memory?: false;
      }
    | {
        /** Nothing is kept when the process ends. */
        memory: true;
        path?: never;
      }
  );

/** Rejects with a StorageError when the file cannot be opened. */
export async function openReplica<S extends Schema>(options: OpenOptions<S>): Promise<Replica<S>> {
  const { schema, path, url, key, timeLimitMs, memory: _, transport: given, ...rest } = options;
  const clock = options.clock ?? nodeClock();
  const timer = nodeTimer();
  const http = {
    clock,
    timer,
    ...(key === undefined ? {} : { key }),
    ...(timeLimitMs === undefined ? {} : { timeLimitMs }),
  };
  const listens = options.automatic !== undefined && options.automatic.live !== false;
  const own = (address: string, device: string): Transport =>
    listens
      ? createWebSocketTransport({ url: address, device, random: nodeRandom(), ...http })
      : createHttpTransport({ url: address, ...http });
  const storage: Storage =
    path === undefined ? createMemoryStorage() : await openSqliteStorage({ path, schema });
  try {
    const device = options.device ?? (await keptDevice(storage, nodeRandom()));
    const transport = given ?? (url === undefined ? undefined : own(url, device));
    return await createReplica({
      schema,
      storage,
      clock,
      timer,
      random: nodeRandom(),
      asyncVariable: nodeAsyncVariable(),
      ...(transport ? { transport } : {}),
      ...rest,
      device,
    });
  } catch (error) {
    await storage.close();
    throw error;
  }
}
