// Which ids a file has brought so far, in bounded memory: hashes of 64 bits in a flat table, 12 bytes each.

import { createHash } from 'node:crypto';

export interface SeenIds {
  /** Notes an id; answers the line in which it stood before, if it did. */
  add(id: string, line: number): number | undefined;
  /** False: there are so many that the later ones are not noted any more. */
  readonly complete: boolean;
}

// 100 MB. Among so many the chance that two ids share a hash is one in a million.
const idsMaxDefault = 5_000_000;

export function createSeenIds(idsMax = idsMaxDefault): SeenIds {
  let slots = 1_024;
  let table = createTable(slots);
  let count = 0;
  let complete = true;

  const grow = (): void => {
    const old = table;
    slots *= 2;
    table = createTable(slots);
    for (const [place, line] of old.lines.entries()) {
      if (line === 0) continue;
      const to = find(table, slots, old.high[place] ?? 0, old.low[place] ?? 0);
      put(table, to, old.high[place] ?? 0, old.low[place] ?? 0, line);
    }
  };

  return {
    add(id, line) {
      const hash = createHash('sha256').update(id).digest();
      const [high, low] = [hash.readUInt32LE(0), hash.readUInt32LE(4)];
      const place = find(table, slots, high, low);
      const before = table.lines[place];
      if (before) return before;
      if (count >= idsMax) {
        complete = false;
        return undefined;
      }
      put(table, place, high, low, line);
      count += 1;
      if (count * 10 > slots * 7) grow();
      return undefined;
    },
    get complete() {
      return complete;
    },
  };
}

interface Table {
  high: Uint32Array;
  low: Uint32Array;
  /** 0: a free slot. */
  lines: Uint32Array;
}

function createTable(slots: number): Table {
  return { high: new Uint32Array(slots), low: new Uint32Array(slots), lines: new Uint32Array(slots) };
}

/** The slot of a hash, or the free one where it belongs. */
function find({ high, low, lines }: Table, slots: number, h: number, l: number): number {
  let place = l & (slots - 1);
  while (lines[place] !== 0 && (high[place] !== h || low[place] !== l)) place = (place + 1) & (slots - 1);
  return place;
}

function put({ high, low, lines }: Table, place: number, h: number, l: number, line: number): void {
  high[place] = h;
  low[place] = l;
  lines[place] = line;
}
