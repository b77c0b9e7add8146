// What became of each sync of a scope: the last two hundred, for people who ask why something is not there yet.
//
// A sync is written when it has ended, without waiting for the disk: a power cut loses the last of them and nothing else. Syncs in a
// row that neither moved anything nor ended otherwise than the one before are one entry with a count, or a night of
// fruitless attempts would be all that is left.

import type { Json } from '@holdfast/core';
import { failedIn, type Tally } from './cycle/state.ts';
import { placeKey } from './index-key.ts';
import { type Logger, lineOf, type SyncEnd } from './log-lines.ts';
import type { Blocked } from './refusal.ts';
import { type Storage, StorageError, type StorageTransaction } from './storage/port.ts';

export interface PastSync extends Tally {
  /** What was to be sent: 1, all of it; above, only what has at least this priority, and what it needs. */
  minPriority: number;
  /** As in the result of `sync()`. */
  failed: number;
  /** Names it in this list; also its order. */
  place: number;
  /** The wall clock in milliseconds since 1970: of the first, when it stands for several. */
  begunAt: number;
  /** Of the last. */
  endedAt: number;
  /** How many it stands for: 1, or more in a row that moved nothing. */
  times: number;
  /** Everything due was sent, and the head was reached. */
  ok: boolean;
  /** Why not. */
  reason?: Blocked;
  /** Own mutations that left, each time that they did. `pushed` counts those that were answered. */
  sent: number;
  /** Answers that brought records. */
  pages: number;
}

type StoredSync = Omit<PastSync, 'failed'>;
type EndedSync = Omit<StoredSync, 'place' | 'times'>;

/** Newest first; `after` takes the place of the last one that was seen. */
export async function listSyncs(
  tx: StorageTransaction,
  scope: string,
  { limit = 100, after }: { limit?: number; after?: number } = {},
): Promise<PastSync[]> {
  const found = await tx.scan('syncs', {
    prefix: [scope],
    reverse: true,
    limit,
    ...(after === undefined ? {} : { after: [scope, placeKey(after)] }),
  });
  return found.map(({ value }) => {
    const sync = value as unknown as StoredSync;
    // An older version wrote no priority.
    return { ...sync, minPriority: sync.minPriority ?? 1, failed: failedIn(sync) };
  });
}

/** Notes what happens from the beginning of a sync to its end. */
export class SyncLog {
  readonly #storage: Storage;
  readonly #scope: string;
  readonly #logger: Logger | undefined;
  /** The code of the failure that the log was told last, if no sync went well since. */
  #failing: string | undefined;
  #open: { begunAt: number; sent: number; pages: number; minPriority: number } | undefined;
  #unwritten: EndedSync[] = [];
  #writing: Promise<void> = Promise.resolve();

  constructor({ storage, scope, logger }: { storage: Storage; scope: string; logger?: Logger }) {
    this.#storage = storage;
    this.#scope = scope;
    this.#logger = logger;
  }

  /** While one is open, it may be asked for more. */
  begin(wallMs: number, minPriority: number): void {
    this.#open ??= { begunAt: wallMs, sent: 0, pages: 0, minPriority };
    this.#open.minPriority = Math.min(this.#open.minPriority, minPriority);
  }

  sent(mutations: number): void {
    if (this.#open) this.#open.sent += mutations;
  }

  received(records: number): void {
    if (this.#open && records > 0) this.#open.pages += 1;
  }

  /** Nothing when none is open: it was refused before anything was done. */
  end(ended: Omit<SyncEnd, 'scope'> & { ok: boolean; wallMs: number }): void {
    if (!this.#open) return;
    const { ok, tally, reason, wallMs } = ended;
    this.#tell(ended);
    this.#unwritten.push({ ...this.#open, endedAt: wallMs, ok, ...tally, ...(reason ? { reason } : {}) });
    this.#open = undefined;
    this.#writing = this.#writing.then(() => this.#write());
  }

  /** Resolves when what has ended is written. */
  written(): Promise<void> {
    return this.#writing;
  }

  #tell(ended: Omit<SyncEnd, 'scope'>): void {
    const line = lineOf({ ...ended, scope: this.#scope }, this.#failing);
    if (!line) return;
    this.#failing = ended.reason?.code;
    this.#logger?.[line.level](line.message, line.facts);
  }

  /** What a storage that fails does not take is written with the next one. */
  async #write(): Promise<void> {
    const syncs = this.#unwritten;
    if (syncs.length === 0) return;
    try {
      await this.#storage.transaction('write', async (tx) => {
        for (const sync of syncs) await appendSync(tx, this.#scope, sync);
      });
      this.#unwritten = this.#unwritten.slice(syncs.length);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.#unwritten = this.#unwritten.slice(-syncsMax);
    }
  }
}

async function appendSync(tx: StorageTransaction, scope: string, ended: EndedSync): Promise<void> {
  const [last] = await listSyncs(tx, scope, { limit: 1 });
  if (last && isAlike(last, ended)) {
    const { begunAt, times } = last;
    await put(tx, scope, { ...ended, place: last.place, begunAt, times: times + 1 });
    return;
  }
  const place = (last?.place ?? 0) + 1;
  await put(tx, scope, { ...ended, place, times: 1 });
  if (place > syncsMax) await tx.delete('syncs', [scope, placeKey(place - syncsMax)]);
}

async function put(tx: StorageTransaction, scope: string, sync: StoredSync): Promise<void> {
  await tx.put('syncs', [scope, placeKey(sync.place)], sync as unknown as Json);
}

function isAlike(last: EndedSync, next: EndedSync): boolean {
  if (last.minPriority !== next.minPriority) return false;
  return isQuiet(last) && isQuiet(next) && last.ok === next.ok && last.reason?.code === next.reason?.code;
}

function isQuiet({ pushed, pulled, held, verdicts, sent, ok }: EndedSync): boolean {
  // What was sent in vain is told by the first of them; that it is tried again moves nothing.
  return pushed + pulled + held + Object.keys(verdicts).length === 0 && (sent === 0 || !ok);
}

/** Kept for each scope. */
export const syncsMax = 200;
