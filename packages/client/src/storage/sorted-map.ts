// A map in key order, made of sorted chunks: a key is found by two binary searches, and an insert moves the keys of one chunk.
// With a million keys there are some 4,000 chunks; that beats a tree in code and, up to some millions of keys, in speed.
//
// Keys are compared with `<`, that is by UTF-16 unit.

interface Chunk<Value> {
  /** Never empty. */
  keys: string[];
  values: Value[];
}

export interface SortedRange {
  /** The first key that belongs to it; absent: the first of all. */
  from: string;
  /** The first key behind it; absent: there is none. */
  to?: string | undefined;
  reverse: boolean;
  limit: number;
}

export class SortedMap<Value> {
  readonly #chunks: Chunk<Value>[] = [];
  /**
   * Where each chunk begins: not above its first key, and above the last of the chunk before. By itself, so that the search for
   * a chunk stays within one array.
   */
  readonly #firsts: string[] = [];

  get(key: string): Value | undefined {
    const chunk = this.#chunks[this.#placeOf(key)];
    const at = chunk ? firstAtLeast(chunk.keys, key) : 0;
    return chunk?.keys[at] === key ? chunk.values[at] : undefined;
  }

  /** Answers the value that stood there before. */
  set(key: string, value: Value): Value | undefined {
    const place = this.#placeOf(key);
    const chunk = this.#chunks[place];
    if (!chunk) {
      this.#chunks.push({ keys: [key], values: [value] });
      this.#firsts.push(key);
      return undefined;
    }
    const at = firstAtLeast(chunk.keys, key);
    if (chunk.keys[at] === key) {
      const before = chunk.values[at];
      chunk.values[at] = value;
      return before;
    }
    chunk.keys.splice(at, 0, key);
    chunk.values.splice(at, 0, value);
    if (at === 0) this.#firsts[place] = key;
    if (chunk.keys.length > chunkKeysMax) this.#split(place, chunk, at);
    return undefined;
  }

  /** Answers the value that stood there. */
  delete(key: string): Value | undefined {
    const place = this.#placeOf(key);
    const chunk = this.#chunks[place];
    const at = chunk ? firstAtLeast(chunk.keys, key) : 0;
    if (chunk?.keys[at] !== key) return undefined;
    const [before] = chunk.values.splice(at, 1);
    chunk.keys.splice(at, 1);
    if (chunk.keys.length === 0) {
      this.#chunks.splice(place, 1);
      this.#firsts.splice(place, 1);
    }
    return before;
  }

  /** The entries of a range, in order, or from its end when `reverse`. */
  slice({ from, to, reverse, limit }: SortedRange): [string, Value][] {
    const found: [string, Value][] = [];
    const step = reverse ? -1 : 1;
    let place = reverse ? this.#placeOfEnd(to) : this.#placeOf(from);
    for (let chunk = this.#chunks[place]; chunk && found.length < limit; chunk = this.#chunks[place]) {
      const first = firstAtLeast(chunk.keys, from);
      const end = to === undefined ? chunk.keys.length : firstAtLeast(chunk.keys, to);
      for (let at = reverse ? end - 1 : first; at >= first && at < end && found.length < limit; at += step) {
        found.push([chunk.keys[at] as string, chunk.values[at] as Value]);
      }
      // The range ends inside this chunk, or begins there when it is read from its end.
      if (reverse ? first > 0 : end < chunk.keys.length) break;
      place += step;
    }
    return found;
  }

  /** The place of the last chunk that begins with `key` or below it, where `key` stands if anywhere; the first if there is none. */
  #placeOf(key: string): number {
    const last = this.#firsts.length - 1;
    // Most keys come in order: the next place of the outbox, the id of a new record.
    if (last >= 0 && key >= (this.#firsts[last] as string)) return last;
    const at = firstAtLeast(this.#firsts, key);
    return this.#firsts[at] === key ? at : Math.max(0, at - 1);
  }

  #placeOfEnd(to: string | undefined): number {
    return to === undefined ? this.#chunks.length - 1 : this.#placeOf(to);
  }

  /** Keys that arrive in order leave full chunks behind; halves would stay half empty for ever. */
  #split(place: number, chunk: Chunk<Value>, inserted: number): void {
    const appended = inserted === chunk.keys.length - 1;
    const at = appended ? inserted : chunk.keys.length >>> 1;
    const next = { keys: chunk.keys.splice(at), values: chunk.values.splice(at) };
    this.#chunks.splice(place + 1, 0, next);
    this.#firsts.splice(place + 1, 0, next.keys[0] as string);
  }
}

/** Inserts cost half a chunk's moves, splits and range ends a search over the chunks; between 128 and 1,024 it hardly matters. */
const chunkKeysMax = 256;

function firstAtLeast(keys: readonly string[], key: string): number {
  const last = keys.at(-1);
  if (last === undefined || last < key) return keys.length;
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
