// Ordered tables in memory as a driver: what it keeps of an entry is its user's choice, and what a commit replaced can be
// taken back later.

import type { Json } from '@holdfast/core';
import type { StorageEntry, StorageKey, StorageTable } from './port.ts';
import type { Cut, Range } from './range.ts';
import { SortedMap } from './sorted-map.ts';
import type { SyncDriver } from './sync-storage.ts';

/** In what form entries are kept. What is kept must not change when the caller changes the value that he gave, or was given. */
export interface Keeping<Kept> {
  keep(entry: StorageEntry): Kept;
  valueOf(kept: Kept): Json;
  /** `readKey` reads the key off its text. */
  entryOf(kept: Kept, readKey: () => StorageKey): StorageEntry;
}

/** One write that was made, and what stood there before. */
export interface Undo<Kept> {
  table: StorageTable;
  text: string;
  before: Kept | undefined;
}

export class MemoryDriver<Kept> implements SyncDriver {
  readonly #keeping: Keeping<Kept>;
  /** By the keys' texts. */
  readonly #tables = new Map<StorageTable, SortedMap<Kept>>();
  /** What the open write transaction has replaced, in order. */
  #undo: Undo<Kept>[] = [];

  constructor(keeping: Keeping<Kept>) {
    this.#keeping = keeping;
  }

  get(table: StorageTable, key: StorageKey): Json | undefined {
    const found = this.#table(table).get(textOf(key));
    return found === undefined ? undefined : this.#keeping.valueOf(found);
  }

  getMany(table: StorageTable, keys: readonly StorageKey[]): (Json | undefined)[] {
    return keys.map((key) => this.get(table, key));
  }

  scan(table: StorageTable, range: Range): StorageEntry[] {
    const found = this.#slice(table, range);
    return found.map(([text, kept]) => this.#keeping.entryOf(kept, () => partsOf(text)));
  }

  count(table: StorageTable, range: Range): number {
    return this.#slice(table, range).length;
  }

  put(table: StorageTable, key: StorageKey, value: Json): void {
    const text = textOf(key);
    const before = this.#table(table).set(text, this.#keeping.keep({ key, value }));
    this.#undo.push({ table, text, before });
  }

  delete(table: StorageTable, key: StorageKey): void {
    this.#deleteText(table, textOf(key));
  }

  deleteAll(table: StorageTable, prefix: StorageKey): void {
    const range = {
      from: textOf(prefix),
      to: endText(prefix),
      reverse: false,
      limit: Number.POSITIVE_INFINITY,
    };
    for (const [text] of this.#table(table).slice(range)) this.#deleteText(table, text);
  }

  begin(): void {
    this.#undo = [];
  }

  /** Answers what takes all of it back, with `undo`, as long as nothing was committed since but what was taken back. */
  commit(): readonly Undo<Kept>[] {
    const undo = this.#undo;
    this.#undo = [];
    return undo;
  }

  rollback(): void {
    this.undo(this.commit());
  }

  undo(writes: readonly Undo<Kept>[]): void {
    for (const { table, text, before } of writes.toReversed()) {
      if (before !== undefined) this.#table(table).set(text, before);
      else this.#table(table).delete(text);
    }
  }

  close(): void {
    this.#tables.clear();
  }

  #deleteText(table: StorageTable, text: string): void {
    const before = this.#table(table).delete(text);
    if (before !== undefined) this.#undo.push({ table, text, before });
  }

  #slice(
    table: StorageTable,
    { prefix, lower, upper, reverse, limit }: Range,
  ): ReturnType<SortedMap<Kept>['slice']> {
    const from = lower ? cutText(prefix, lower) : textOf(prefix);
    const to = upper ? cutText(prefix, upper) : endText(prefix);
    return this.#table(table).slice({ from, to, reverse, limit });
  }

  #table(name: StorageTable): SortedMap<Kept> {
    let table = this.#tables.get(name);
    if (!table) {
      table = new SortedMap();
      this.#tables.set(name, table);
    }
    return table;
  }
}

/**
 * A key as one text whose UTF-16 units order as the key's code points do, part by part. Each part ends with NUL, so the texts of
 * all keys that begin with some parts begin with the text of these parts.
 */
function textOf(parts: StorageKey): string {
  let text = '';
  for (const part of parts) text += `${isPlain(part) ? part : escaped(part)}\0`;
  return text;
}

function partsOf(text: string): StorageKey {
  const parts = text.split('\0');
  parts.pop();
  return parts.map((part) => (isPlain(part) ? part : unescaped(part)));
}

function cutText(prefix: StorageKey, cut: Cut): string {
  const text = textOf([...prefix, ...cut.parts]);
  return cut.past ? `${text}\0` : text;
}

/** The first text behind all that begin with the prefix's; undefined when it is empty. */
function endText(prefix: StorageKey): string | undefined {
  return prefix.length === 0 ? undefined : `${textOf(prefix).slice(0, -1)}\u0001`;
}

function isPlain(part: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these two are the ones that mean something in a key's text.
  return !/[\0\u0001\ud800-\uffff]/.test(part);
}

/** NUL and U+0001 give way to the end mark; surrogates move behind U+FFFF, where their code points are (see compareText). */
function escaped(part: string): string {
  let text = '';
  for (let at = 0; at < part.length; at += 1) {
    const unit = part.charCodeAt(at);
    if (unit < 2) text += `\u0001${String.fromCharCode(unit + 1)}`;
    else text += String.fromCharCode(unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800);
  }
  return text;
}

function unescaped(text: string): string {
  let part = '';
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === 1) {
      at += 1;
      part += String.fromCharCode(text.charCodeAt(at) - 1);
    } else part += String.fromCharCode(unit < 0xd800 ? unit : unit < 0xf800 ? unit + 0x800 : unit - 0x2000);
  }
  return part;
}
