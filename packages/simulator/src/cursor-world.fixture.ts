// A small world of clients that page by a time: devices push what they declare while others read a page here and there, each by the cursor
// that the last page gave, in the form that its wire has. Servers come and go, several at once on one store; their clocks jump
// and stand still. In the end every reader holds what the store holds: nothing was missed.

import type { DeclaredWrite, JsonObject, Judge } from '@holdfast/core';
import { defaultLimits, defineSchema } from '@holdfast/core';
import { sha256 } from 'holdfast/digest';
import { createEngine } from 'holdfast/engine';
import type { Engine } from 'holdfast/engine/face';
import { z } from 'zod';
import { createDatabase, type Database } from './memory-store/database.ts';
import { openMemoryStore } from './memory-store/open.ts';
import { createStream, type Stream } from './random.ts';

export interface CursorRun {
  seed: number;
  pushes: number;
  pages: number;
  /** Pages that their limit cut. */
  cut: number;
  /** What a reader has missed; empty when all is well. */
  missed: readonly string[];
}

const collections = ['purchases', 'orders', 'appointments'] as const;
const fields = z.looseObject({});
const schema = defineSchema({
  version: 1,
  collections: {
    purchases: { kind: 'request', fields },
    orders: { kind: 'request', fields },
    appointments: { kind: 'request', fields },
  },
});
const scope = 'main';
const steps = 120;

/** How a protocol writes a stamp on its wire, and reads it back. */
interface Cursor {
  write(stamp: number): unknown;
  read(cursor: unknown): number;
}

const cursors: readonly Cursor[] = [
  { write: (stamp) => new Date(stamp).toISOString(), read: (cursor) => Date.parse(String(cursor)) },
  { write: (stamp) => String(stamp), read: (cursor) => Number(cursor) },
  { write: (stamp) => stamp, read: (cursor) => cursor as number },
];

const judges: readonly Judge[] = [
  { by: 'time', policies: new Map(), put: 'fields', sameTime: 'conflict', ignored: new Set() },
  { by: 'time', policies: new Map(), put: 'whole', sameTime: 'wins', ignored: new Set() },
  { by: 'version', sentSeq: 0, ignored: new Set() },
  { by: 'base', policies: new Map(), toleranceMs: 1_000, returns: 'newer', ignored: new Set() },
];

interface Reader {
  name: string;
  cursor: unknown;
  wire: Cursor;
  collections: readonly string[];
  recordsMax: number;
  /** Record key → its body; null: deleted. */
  held: Map<string, JsonObject | null>;
}

/** The same seed gives the same run. */
export async function runCursorWorld(seed: number): Promise<CursorRun> {
  const stream = createStream(seed, 'cursors');
  const world = new CursorWorld(stream);
  for (let step = 0; step < steps; step += 1) await world.step();
  const missed = await world.missed();
  return { seed, ...world.counts, missed };
}

class CursorWorld {
  readonly counts = { pushes: 0, pages: 0, cut: 0 };
  readonly #stream: Stream;
  readonly #database: Database = createDatabase();
  readonly #readers: readonly Reader[];
  readonly #sent: { device: string; judge: Judge; writes: readonly DeclaredWrite[] }[] = [];
  #nowMs = 1_764_000_000_000;
  #lives = 0;
  #servers: Engine[] = [];

  constructor(stream: Stream) {
    this.#stream = stream;
    this.#readers = Array.from({ length: 4 }, (_, nth): Reader => {
      const some = collections.filter(() => stream.chance(0.7));
      return {
        name: `reader ${nth}`,
        cursor: null,
        wire: stream.pick(cursors),
        collections: some.length > 0 ? some : [stream.pick(collections)],
        recordsMax: 1 + stream.below(4),
        held: new Map(),
      };
    });
    this.#restart();
  }

  /** A few things that happen at one time. */
  async step(): Promise<void> {
    const stream = this.#stream;
    // Often not at all, so that many changes share a millisecond; at times back.
    if (stream.chance(0.4)) this.#nowMs += stream.below(50);
    if (stream.chance(0.05)) this.#nowMs -= stream.below(3_600_000);
    if (stream.chance(0.04)) this.#restart();
    const pushes = Array.from({ length: stream.below(5) }, () => this.#push());
    const pulls = this.#readers.filter(() => stream.chance(0.5)).map((reader) => this.#pull(reader));
    await Promise.all([...pushes, ...pulls]);
  }

  /** Lets every reader read to the end, and compares. */
  async missed(): Promise<string[]> {
    for (const reader of this.#readers) while (await this.#pull(reader));
    const all = [...(this.#database.scopes.get(scope)?.records.values() ?? [])];
    return this.#readers.flatMap(({ name, held, collections: read }) =>
      all
        .filter(({ collection }) => read.includes(collection))
        .filter(({ collection, id, body }) => {
          const have = held.get(`${collection}/${id}`);
          return have === undefined || JSON.stringify(have) !== String(body);
        })
        .map(({ collection, id, stamp }) => `${name}: ${collection}/${id} at ${stamp}`),
    );
  }

  async #push(): Promise<void> {
    const stream = this.#stream;
    const again = this.#sent.length > 0 && stream.chance(0.2) ? stream.pick(this.#sent) : undefined;
    const push = again ?? {
      device: stream.pick(['a', 'b', 'c', 'd']),
      judge: stream.pick(judges),
      writes: Array.from({ length: 1 + stream.below(4) }, () => this.#write()),
    };
    if (!again) this.#sent.push(push);
    const { device, judge, writes } = push;
    this.counts.pushes += 1;
    const server = stream.pick(this.#servers);
    await server.pushDeclared({ key: null, device, actor: '' }, scope, {
      writer: `old/${device}`,
      judge,
      writes,
    });
  }

  #write(): DeclaredWrite {
    const stream = this.#stream;
    const collection = stream.pick(collections);
    const id = `r${stream.below(6)}`;
    const declared = {
      madeAt: this.#nowMs - stream.below(100_000),
      version: 1 + stream.below(9),
      // What its device says to have read: often little of what there is.
      base: { seq: stream.below(50) },
    };
    if (stream.chance(0.15)) return { change: { type: 'delete', collection, id }, ...declared };
    return { change: { type: 'put', collection, id, body: { n: stream.below(1_000) } }, ...declared };
  }

  /** Answers whether there is more. */
  async #pull(reader: Reader): Promise<boolean> {
    const { cursor, wire, collections: read, recordsMax } = reader;
    const after = cursor === null ? null : { stamp: wire.read(cursor) };
    const server = this.#stream.pick(this.#servers);
    const page = await server.pull({ key: null, device: reader.name, actor: '' }, scope, {
      after,
      collections: read,
      recordsMax,
    });
    for (const { collection, id, body } of page.records)
      reader.held.set(`${collection}/${id}`, body === null ? null : (JSON.parse(body) as JsonObject));
    reader.cursor = wire.write(page.stamp);
    this.counts.pages += 1;
    this.counts.cut += Number(page.more);
    return page.more;
  }

  /** All servers end, and one or two begin, which live one life. */
  #restart(): void {
    this.#lives += 1;
    const life = { id: `life ${this.#lives}`, startedAt: this.#nowMs };
    const count = 1 + this.#stream.below(2);
    this.#servers = Array.from({ length: count }, () => this.#open(life));
  }

  #open(life: { id: string; startedAt: number }): Engine {
    const limits = defaultLimits;
    const store = openMemoryStore({
      database: this.#database,
      life,
      oneWriter: false,
      readersPerScopeMax: limits.readersPerScopeMax,
    });
    return createEngine({
      store,
      schema,
      limits,
      sha256,
      clock: { wallMs: () => this.#nowMs, monoMs: () => this.#nowMs },
      random: {
        bytes: (length) => Uint8Array.from({ length }, () => this.#stream.below(256)),
        fraction: () => this.#stream.fraction(),
      },
      timer: { after: () => ({ cancel: () => undefined }) },
      turn: () => Promise.resolve(),
      log: () => undefined,
      fatal: (error) => {
        throw error;
      },
    });
  }
}
