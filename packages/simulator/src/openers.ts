// Where the servers of a world keep what they commit: in memory, in SQLite in memory, or in a real file of SQLite.

import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from 'holdfast/digest';
import type { Store } from 'holdfast/store';
import { openSqliteStore } from 'holdfast/store/sqlite';
import { createDatabase } from './memory-store/database.ts';
import { openMemoryStore } from './memory-store/open.ts';
import { type SchemaVersion, serverSchemas } from './schema.ts';
import { epochMs, type World } from './world.ts';

export interface Opener {
  /** For a server process that starts. */
  open(version: SchemaVersion): Promise<Store>;
  /** What was opened last, for the operator. */
  current(): Promise<Store>;
  close(): Promise<void>;
}

export function createOpener(world: World): Opener {
  const openers = { memory: memoryOpener, sqlite: sqliteOpener, file: fileOpener };
  return openers[world.profile.store](world);
}

/** A server alone begins a new life at each start. Several at once share one: their seqs are of one chain. */
function memoryOpener(world: World): Opener {
  const database = createDatabase();
  const { servers, serverLimits } = world.profile;
  let lives = 0;
  const open = async (): Promise<Store> => {
    if (servers === 1 || lives === 0) lives += 1;
    const life = { id: `life-${lives}`, startedAt: Math.floor(epochMs + world.timeline.nowMs) };
    const readersPerScopeMax = serverLimits.readersPerScopeMax;
    return openMemoryStore({ database, life, oneWriter: servers === 1, readersPerScopeMax });
  };
  return { open, current: open, close: async () => undefined };
}

/** A database in memory ends with its connection, so a server that comes back finds the same store open. */
function sqliteOpener(world: World): Opener {
  let store: Promise<Store> | undefined;
  const open = (): Promise<Store> => {
    store ??= openSqlite(world, { file: null, life: 1, version: 2 });
    return store;
  };
  return { open, current: open, close: async () => (await store)?.close() };
}

/**
 * A process that dies leaves its files as they are, so the next one opens a copy of them that was made before the dead one's
 * connection is closed: the write-ahead log is read again, as after a kill.
 */
function fileOpener(world: World): Opener {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-simulated-'));
  let life = 0;
  let store: Store | undefined;
  const fileOf = (n: number): string => join(folder, `${n}.db`);
  const open = async (version: SchemaVersion): Promise<Store> => {
    const before = store;
    for (const part of ['', '-wal'])
      if (existsSync(fileOf(life) + part)) copyFileSync(fileOf(life) + part, fileOf(life + 1) + part);
    life += 1;
    await before?.close();
    store = await openSqlite(world, { file: fileOf(life), life, version });
    return store;
  };
  return {
    open,
    current: async () => store ?? open(1),
    async close() {
      await store?.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function openSqlite(
  world: World,
  { file, life, version }: { file: string | null; life: number; version: SchemaVersion },
): Promise<Store> {
  return openSqliteStore({
    file,
    life: { id: `life-${life}`, startedAt: Math.floor(epochMs + world.timeline.nowMs) },
    schema: serverSchemas[version],
    limits: world.profile.serverLimits,
    sha256,
  });
}
