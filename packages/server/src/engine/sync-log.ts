// What devices of protocols without replicas did, kept in memory until it is written in the background: nobody waits for it. Bookkeeping:
// a crash may lose the last second of it.

import type { Limits, Timer, TimerHandle } from '@holdfast/core';
import type { Store } from '../store/port.ts';
import type { PlacedSyncEntry, SyncCount, SyncEntry, SyncQuery } from '../store/sync-log.ts';

export interface SyncStats {
  total: number;
  ok: number;
  failed: number;
  /** When the last one was; null before the first. */
  lastAt: number | null;
}

export interface Syncs {
  /** Returns at once. Call it for what an admitted device did, not for what a stranger tried: each kind is counted for ever. */
  note(entry: Omit<SyncEntry, 'at'>): void;
  /** Of all syncs that a protocol ever noted, or of those of some kinds. What was noted before the call counts. */
  stats(protocol: string, kinds?: readonly string[]): Promise<SyncStats>;
  /** The newest entries that are kept, newest first. */
  list(query: SyncQuery): Promise<readonly PlacedSyncEntry[]>;
}

export interface SyncLog extends Syncs {
  /** Writes what was noted. Never rejects. */
  stop(): Promise<void>;
}

export interface SyncLogDeps {
  store: Pick<Store, 'commit' | 'read'>;
  timer: Timer;
  limits: Pick<Limits, 'syncLogMax' | 'idCharsMax'>;
  nowMs: () => number;
  failed: (error: unknown) => void;
}

const writeEveryMs = 1_000;
/** After a failure: the store is given time, and the log of the server is not flooded. */
const againMs = 30_000;
/** Entries between two writes; of more only the counts are kept. */
const notedMax = 5_000;

interface Noted {
  entries: SyncEntry[];
  /** Protocol and kind → how many since the last write. */
  counts: Map<string, SyncCount>;
}

export function createSyncLog(deps: SyncLogDeps): SyncLog {
  const { store, timer, limits } = deps;
  let noted: Noted = { entries: [], counts: new Map() };
  let armed: TimerHandle | undefined;
  let writing: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    if (noted.counts.size === 0) return;
    const taken = noted;
    noted = { entries: [], counts: new Map() };
    try {
      const notes = { entries: taken.entries, counts: [...taken.counts.values()] };
      await store.commit((transaction) => transaction.putSyncs(notes, limits.syncLogMax));
    } catch (error) {
      noted = joined(taken, noted);
      throw error;
    }
  }

  /** One write at a time. */
  function flush(): Promise<void> {
    writing = writing.catch(() => undefined).then(write);
    return writing;
  }

  function arm(delayMs: number): void {
    armed ??= timer.after(delayMs, () => {
      armed = undefined;
      flush().catch((error: unknown) => {
        deps.failed(error);
        arm(againMs);
      });
    });
  }

  return {
    note(entry) {
      const short = (text: string): string => text.slice(0, limits.idCharsMax);
      addTo(noted, {
        ...entry,
        at: deps.nowMs(),
        device: short(entry.device),
        scope: short(entry.scope),
      });
      arm(writeEveryMs);
    },
    async stats(protocol, kinds) {
      await flush();
      const counts = await store.read((snapshot) => snapshot.syncCounts(protocol));
      return statsOf(kinds ? counts.filter(({ kind }) => kinds.includes(kind)) : counts);
    },
    async list(query) {
      await flush();
      return store.read((snapshot) => snapshot.syncs(query));
    },
    async stop() {
      armed?.cancel();
      await flush().catch(deps.failed);
    },
  };
}

function addTo({ entries, counts }: Noted, entry: SyncEntry): void {
  if (entries.length < notedMax) entries.push(entry);
  const { protocol, kind, ok, at } = entry;
  addCount(counts, { protocol, kind, total: 1, ok: ok ? 1 : 0, lastAt: at });
}

function addCount(counts: Map<string, SyncCount>, more: SyncCount): void {
  const key = JSON.stringify([more.protocol, more.kind]);
  const { total, ok, lastAt } = counts.get(key) ?? { total: 0, ok: 0, lastAt: 0 };
  const sums = { total: total + more.total, ok: ok + more.ok, lastAt: Math.max(lastAt, more.lastAt) };
  counts.set(key, { ...more, ...sums });
}

/** What could not be written, and what came meanwhile. */
function joined(before: Noted, since: Noted): Noted {
  const counts = new Map(before.counts);
  for (const count of since.counts.values()) addCount(counts, count);
  return { entries: [...before.entries, ...since.entries].slice(-notedMax), counts };
}

function statsOf(counts: readonly SyncCount[]): SyncStats {
  const sum = (of: (count: SyncCount) => number): number => counts.reduce((all, it) => all + of(it), 0);
  const [total, ok] = [sum((it) => it.total), sum((it) => it.ok)];
  const lastAt = counts.length === 0 ? null : Math.max(...counts.map((it) => it.lastAt));
  return { total, ok, failed: total - ok, lastAt };
}
