// The engine's store, with a point at every call of the port: there the process may die, or the store report a fault.
// A server that died keeps no lock: its transaction is undone, as a database does when a connection ends.

import type { Writes } from '@holdfast/core';
import type { Store, StoreSnapshot, StoreTransaction } from 'holdfast/store';

export type StorePoint = 'begin' | 'load' | 'write' | 'commit' | 'committed' | 'read';

export interface StoreHooks {
  /** What it throws is what the call throws. */
  point(point: StorePoint): void;
  /** Called when a commit is durable, before anybody is told. */
  committed(writes: ReadonlyMap<string, Writes>): void;
}

export function watchStore(store: Store, hooks: StoreHooks): Store {
  return {
    life: store.life,
    oneWriter: store.oneWriter,
    identity: watchCalls(store.identity, () => hooks.point('begin')),
    async commit(work) {
      hooks.point('begin');
      let written: ReadonlyMap<string, Writes> | undefined;
      const result = await store.commit(async (transaction) => {
        const made = await work(
          watchTransaction(transaction, hooks, (writes) => {
            written = writes;
          }),
        );
        hooks.point('commit');
        return made;
      });
      if (written) hooks.committed(written);
      hooks.point('committed');
      return result;
    },
    read: (work) =>
      store.read((snapshot) => work(watchCalls<StoreSnapshot>(snapshot, () => hooks.point('read')))),
    probe: () => store.probe(),
    backup: (file) => store.backup(file),
    close: () => store.close(),
  };
}

function watchTransaction(
  transaction: StoreTransaction,
  hooks: StoreHooks,
  wrote: (writes: ReadonlyMap<string, Writes>) => void,
): StoreTransaction {
  const reading = <Result>(call: () => Result): Result => {
    hooks.point('load');
    return call();
  };
  const writing = <Result>(call: () => Result): Result => {
    hooks.point('write');
    return call();
  };
  return {
    scopes: (scopes) => reading(() => transaction.scopes(scopes)),
    credentials: (keys) => reading(() => transaction.credentials(keys)),
    devices: (devices) => reading(() => transaction.devices(devices)),
    deviceCounts: (keys) => reading(() => transaction.deviceCounts(keys)),
    auditPlace: () => reading(() => transaction.auditPlace()),
    refusals: (places) => reading(() => transaction.refusals(places)),
    load: (needs, sets, holdersMax) => reading(() => transaction.load(needs, sets, holdersMax)),
    putDevices: (devices) => writing(() => transaction.putDevices(devices)),
    settleQuarantined: (place, audit) => writing(() => transaction.settleQuarantined(place, audit)),
    putSyncs: (notes, keptMax) => writing(() => transaction.putSyncs(notes, keptMax)),
    putDeviceNotes: (notes, keptMax) => writing(() => transaction.putDeviceNotes(notes, keptMax)),
    putReads: (reads) => writing(() => transaction.putReads(reads)),
    async write(writes, life) {
      hooks.point('write');
      await transaction.write(writes, life);
      wrote(writes);
    },
  };
}

/** Every method passes the point first. A rejection, also where the method would throw at once. */
function watchCalls<Face extends object>(face: Face, point: () => void): Face {
  return new Proxy(face, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): Promise<unknown> => {
        try {
          point();
          return Reflect.apply(value, target, args);
        } catch (error) {
          return Promise.reject(error);
        }
      };
    },
  });
}
