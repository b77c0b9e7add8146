// Keys of the port as keys of IndexedDB, which orders texts by UTF-16 code units and not by code points. The two orders differ only in that
// surrogates lie before U+E000 … U+FFFF; so these two blocks change places, unit by unit. Any text survives the way there and back.

import type { StorageKey } from './port.ts';
import type { Range } from './range.ts';

export function toDatabase(key: StorageKey): string[] {
  return key.map((part) => moved(part, (unit) => (unit >= afterSurrogates ? unit - 0x800 : unit + 0x2000)));
}

export function fromDatabase(key: readonly string[]): StorageKey {
  return key.map((part) => moved(part, (unit) => (unit >= movedSurrogates ? unit - 0x2000 : unit + 0x800)));
}

/** Arrays sort behind all texts, so an empty one stands for the end of what begins with a prefix. */
export function databaseRange({
  prefix,
  lower,
  upper,
}: Pick<Range, 'prefix' | 'lower' | 'upper'>): IDBKeyRange {
  const from = toDatabase([...prefix, ...(lower?.parts ?? [])]);
  const to = upper ? toDatabase([...prefix, ...upper.parts]) : [...toDatabase(prefix), []];
  return IDBKeyRange.bound(from, to, lower?.past ?? false, true);
}

const afterSurrogates = 0xe000;
/** Where they lie in the database. */
const movedSurrogates = 0xf800;

function moved(text: string, move: (unit: number) => number): string {
  // Most keys hold no such unit.
  return text.replace(/[\ud800-\uffff]/g, (unit) => String.fromCharCode(move(unit.charCodeAt(0))));
}
