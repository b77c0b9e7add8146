// A store in memory for the simulator: the same promises as the one on SQLite (memory-store.test.ts runs the store's contract),
// faster, and open to several servers at once.

import { emptyScope } from '@holdfast/core';
import { type Life, type ReadPosition, type Store, StoreError, type StoreTransaction } from 'holdfast/store';
import { type Database, scopeOf, sizeOf } from './database.ts';
import { putDeviceNotes } from './device-notes.ts';
import { createIdentityStore } from './identity.ts';
import { loadScope } from './load.ts';
import { createSnapshot } from './snapshot.ts';
import { putSyncs } from './sync-log.ts';
import { credentialOf } from './users.ts';
import { settleQuarantined, writeScope } from './write.ts';

const probeChars = 65_536;

export interface MemoryStoreOptions {
  database: Database;
  /** A life that the database knows already is joined: several servers at once live one life. */
  life: Life;
  oneWriter: boolean;
  readersPerScopeMax: number;
  /** Measured at every commit, which takes time: for tests. */
  sizeBytesMax?: number;
}

export function openMemoryStore(options: MemoryStoreOptions): Store {
  const { database, life, oneWriter, sizeBytesMax } = options;
  if (!database.lives.some(({ id }) => id === life.id)) database.lives.push(life);
  else if (database.lives.at(-1)?.id !== life.id)
    throw new StoreError('failed', 'A life’s id is used once; this one began before another.');
  let closed = false;
  let wantedChars = probeChars;
  const locked = <Result>(work: () => Promise<Result>): Promise<Result> =>
    closed ? Promise.reject(closedError()) : database.lock.take(work);
  return {
    life,
    oneWriter,
    identity: createIdentityStore((work) => locked(async () => work(database))),
    commit: (work) =>
      locked(async () => {
        const devices = new Map(database.devices);
        const staged = new Staged();
        try {
          const result = await work(watchEnd(createTransaction(options, staged), staged));
          staged.end();
          if (sizeBytesMax !== undefined && sizeOf(database) + staged.chars > sizeBytesMax && !staged.frees) {
            wantedChars = Math.max(wantedChars, staged.chars);
            throw new StoreError('full', 'The store has reached its bound.');
          }
          wantedChars = probeChars;
          for (const apply of staged.writes) apply();
          return result;
        } catch (error) {
          database.devices = devices;
          throw error;
        } finally {
          staged.ended = true;
        }
      }),
    read: (work) =>
      locked(async () => {
        const staged = new Staged();
        try {
          return await work(watchEnd(createSnapshot(database), staged));
        } finally {
          staged.ended = true;
        }
      }),
    probe: () =>
      locked(async () => {
        if (sizeBytesMax !== undefined && sizeOf(database) + wantedChars > sizeBytesMax)
          throw new StoreError('full', 'The store has reached its bound.');
      }),
    backup: () =>
      Promise.reject(closed ? closedError() : new StoreError('failed', 'A store in memory makes no files.')),
    async close() {
      if (closed) return;
      closed = true;
      await database.lock.take(async () => undefined);
    },
  };
}

function closedError(): StoreError {
  return new StoreError('closed', 'The store was closed.');
}

/** What a transaction is to write when it commits, and whether it still may. */
class Staged {
  readonly writes: (() => void)[] = [];
  ended = false;
  failure: { error: unknown } | undefined;
  chars = 0;
  frees = false;

  /** Throws the error of a call that the work went on after. */
  end(): void {
    if (this.failure) throw this.failure.error;
  }
}

/** A call after the end is refused, and a call that failed spoils the transaction. */
function watchEnd<Face extends object>(face: Face, staged: Staged): Face {
  const call = (method: (...args: never[]) => Promise<unknown>, args: never[]): Promise<unknown> => {
    if (staged.ended) return Promise.reject(new Error('This transaction has ended.'));
    if (staged.failure) return Promise.reject(staged.failure.error);
    const result = method(...args);
    result.catch((error: unknown) => {
      staged.failure = { error };
    });
    return result;
  };
  return new Proxy(face, {
    get: (target, name) => {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      return (...args: never[]) => call(method as (...args: never[]) => Promise<unknown>, args);
    },
  });
}

/** Reads what was committed; what is written is staged until the commit, which nothing else can come before. */
function createTransaction(
  { database, readersPerScopeMax, sizeBytesMax, life: ownLife }: MemoryStoreOptions,
  staged: Staged,
): StoreTransaction {
  return {
    scopes: async (scopes) =>
      new Map(
        scopes.flatMap((scope) => {
          const state = scopeOf(database, scope).state;
          return state ? [[scope, { ...emptyScope, ...state }] as const] : [];
        }),
      ),
    credentials: async (keys) =>
      new Map(
        keys.flatMap((key) => {
          const one = credentialOf(database, key);
          if (!one) return [];
          const { secretHash: _, ...credential } = one;
          return [[key, credential] as const];
        }),
      ),
    devices: async (devices) => found(database.devices, devices),
    deviceCounts: async (keys) => deviceCounts(database, keys),
    auditPlace: async () => database.audit.length - 1,
    refusals: async (places) => places.map(({ scope, device }) => refusalsOf(database, scope, device)),
    async load(needs, sets, holdersMax) {
      for (const [scope, need] of needs) {
        const set = sets.get(scope);
        if (!set) throw new Error('There is no working set for a scope that needs something.');
        loadScope(database, scope, { needs: need, set, holdersMax });
      }
    },
    async write(writes, life = ownLife) {
      const known = database.lives.some(({ id }) => id === life.id);
      for (const [scope, written] of writes) {
        if (!known && written.commits.length > 0)
          throw new StoreError('failed', 'The database does not know this life.');
        if (sizeBytesMax !== undefined) {
          staged.chars += JSON.stringify(written).length;
          staged.frees ||= written.held.remove.length > 0;
        }
        staged.writes.push(() => writeScope(database, scope, { writes: written, life }));
      }
    },
    async putDevices(devices) {
      for (const device of devices) {
        const before = database.devices.get(device.device);
        const revokedAt = before?.revokedAt ?? device.revokedAt;
        const createdAt = before?.createdAt ?? device.createdAt;
        database.devices.set(device.device, { ...device, createdAt, revokedAt });
      }
    },
    async settleQuarantined(place, audit) {
      if (!database.quarantine.some((row) => row.place === place && !row.settled)) return false;
      staged.writes.push(() => settleQuarantined(database, place, audit));
      return true;
    },
    async putSyncs(notes, keptMax) {
      staged.writes.push(() => putSyncs(database, notes, keptMax));
    },
    async putDeviceNotes(notes, keptMax) {
      staged.writes.push(() => putDeviceNotes(database, notes, keptMax));
    },
    async putReads(reads) {
      staged.writes.push(() => putReads(database, reads, readersPerScopeMax));
    },
  };
}

function deviceCounts(
  { devices }: Database,
  keys: readonly string[],
): { all: number; byKey: ReadonlyMap<string, number> } {
  const byKey = new Map(keys.map((key) => [key, 0]));
  for (const { key } of devices.values())
    if (key !== null && byKey.has(key)) byKey.set(key, (byKey.get(key) ?? 0) + 1);
  return { all: devices.size, byKey };
}

function refusalsOf(
  database: Database,
  scope: string,
  device: string,
): { mutations: number; replicas: number } {
  const mutations = database.quarantine.filter(
    ({ entry }) => entry.device === device && entry.code === 'no_grant',
  );
  const replicas = [...scopeOf(database, scope).replicas.values()].filter((it) => it.device === device);
  return { mutations: mutations.length, replicas: replicas.length };
}

function found<Value>(all: ReadonlyMap<string, Value>, keys: readonly string[]): Map<string, Value> {
  return new Map(
    keys.flatMap((key) => {
      const value = all.get(key);
      return value === undefined ? [] : [[key, value] as const];
    }),
  );
}

/** A device that is new to the scope is kept while there is room; the others always move on. */
function putReads(database: Database, reads: readonly ReadPosition[], readersMax: number): void {
  for (const read of [...reads].sort((a, b) => (a.device < b.device ? -1 : 1))) {
    const inScope = [...database.reads.values()].filter(({ scope }) => scope === read.scope);
    const known = inScope.some(({ device }) => device === read.device);
    if (!known && new Set(inScope.map(({ device }) => device)).size >= readersMax) continue;
    database.reads.set(JSON.stringify([read.scope, read.device, read.collection]), { ...read });
  }
}
