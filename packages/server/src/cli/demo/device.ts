// One of the demo's devices, a process of its own: a replica with an SQLite file, which syncs by itself and listens.

import { nodeClock, openReplica } from '@holdfast/client/node';
import { answerCalls, readTask } from './calls.ts';
import { schema, scopeName } from './schema.ts';
import type { Write } from './story.ts';

export interface DeviceTask {
  device: string;
  path: string;
  url: string;
  /** How far this device's clock is ahead of the true time. */
  aheadMs: number;
}

export type DeviceCalls = ReturnType<typeof createCalls>;

/** How the writes of a story are made; the schema of the replica is the type of each collection, which data cannot name. */
interface AnyCollection {
  put(record: object): Promise<unknown>;
  patch(id: string, fields: object): Promise<unknown>;
  add(id: string, amounts: object): Promise<unknown>;
}

function createCalls({ device, path, url, aheadMs }: DeviceTask) {
  const { wallMs, monoMs } = nodeClock();
  const opening = openReplica({
    schema,
    path,
    url,
    device,
    clock: { wallMs: () => wallMs() + aheadMs, monoMs },
    automatic: { everyMs: 60_000 },
    timeLimitMs: 10_000,
  });
  const opened = async () => (await opening).scope(scopeName);
  return {
    ...createWrites(opened),
    ...createReads(opened),
    /** The network is back: it tries at once. */
    async online() {
      (await opening).setOnline(true);
    },
    async sync() {
      return (await opened()).sync();
    },
    async close() {
      await (await opening).close();
    },
  };
}

// The names of these types are in the client's face for every platform, which knows a browser; this process knows Node alone.
type Scope = ReturnType<Awaited<ReturnType<typeof openReplica<typeof schema>>>['scope']>;
type MutationScope = Parameters<Parameters<Scope['mutate']>[0]>[0];
type Opened = () => Promise<Scope>;

/** Each is one mutation, on the disk when it resolves, and answers the mutation's id. */
function createWrites(opened: Opened) {
  return {
    async write({ writes }: { writes: readonly Write[] }): Promise<string> {
      const scope = await opened();
      return scope.mutate(async (tx) => {
        await applyAll(tx, writes);
        return tx.mutation;
      });
    },
    /** In place of what was rejected. */
    async correct({ place, writes }: { place: number; writes: readonly Write[] }): Promise<string> {
      let mutation = '';
      await (await opened()).quarantine.correct(place, async (tx) => {
        mutation = tx.mutation;
        await applyAll(tx, writes);
      });
      return mutation;
    },
    /** A person's answer to the conflict. */
    async decide({ conflict, side }: { conflict: number; side: 'server' | 'device' }): Promise<string> {
      const { conflicts } = await opened();
      await conflicts.resolve(conflict, side);
      const found = (await conflicts.list()).find(({ id }) => id === conflict);
      return found?.decision?.mutation ?? '';
    },
  };
}

function createReads(opened: Opened) {
  return {
    /** Resolves when the device hears from the server without asking. */
    async live() {
      const { status } = await opened();
      await seen(status.subscribe(), ({ live }) => live);
    },
    /** Resolves when the device shows the item with these values. */
    async shows({ id, fields }: { id: string; fields: Readonly<Record<string, unknown>> }) {
      const { items } = await opened();
      const wanted = Object.entries(fields);
      await seen(items.get.subscribe(id), (item) =>
        wanted.every(([field, value]) => item?.[field as keyof typeof item] === value),
      );
    },
    async status() {
      return (await opened()).status();
    },
    async quarantine() {
      return (await opened()).quarantine.list();
    },
  };
}

async function applyAll(tx: MutationScope, writes: readonly Write[]): Promise<void> {
  for (const write of writes) {
    const collection = tx.collection(write.collection) as AnyCollection;
    if (write.type === 'put') await collection.put({ id: write.id, ...write.fields });
    else if (write.type === 'patch') await collection.patch(write.id, write.fields);
    else await collection.add(write.id, write.amounts);
  }
}

async function seen<Value>(values: AsyncIterable<Value>, fits: (value: Value) => boolean): Promise<void> {
  for await (const value of values) if (fits(value)) return;
}

answerCalls(createCalls(readTask<DeviceTask>()));
