// What a scan asks for, as two cuts in the order of keys; and whether a key fits its table. Pure; shared by the storages.

import { compareText } from '@holdfast/core';
import { type StorageKey, type StorageScan, type StorageTable, storageTables } from './port.ts';

/** A place between two keys: in front of every key that begins with `parts` or sorts behind it, or just `past` that one key. */
export interface Cut {
  /** Parts behind the prefix. */
  parts: StorageKey;
  past: boolean;
}

export interface Range {
  prefix: StorageKey;
  /** Absent: from the prefix's first key, to its last. */
  lower?: Cut;
  upper?: Cut;
  reverse: boolean;
  limit: number;
}

/** Undefined when no key can be in it. Throws a TypeError on what does not fit the table. */
export function rangeOf(table: StorageTable, scan: StorageScan): Range | undefined {
  const { prefix, after, reverse = false, limit } = scan;
  assertParts(table, prefix, 'most');
  if (after) assertParts(table, after, 'all');
  for (const bound of [scan.from, scan.to]) if (bound) assertParts(table, [...prefix, ...bound], 'most');
  if (Number.isNaN(limit) || limit < 0) throw new TypeError('The limit of a scan is a number from 0.');
  let lower: Cut | undefined = scan.from && { parts: scan.from, past: false };
  let upper: Cut | undefined = scan.to && { parts: scan.to, past: false };
  if (after) {
    const side = compareParts(after.slice(0, prefix.length), prefix);
    // The key lies outside of the prefix: everything is behind it, or nothing.
    if (side !== 0 && side < 0 === reverse) return undefined;
    const parts = after.slice(prefix.length);
    if (side === 0 && reverse) upper = lesser(upper, { parts, past: false });
    if (side === 0 && !reverse) lower = greater(lower, { parts, past: true });
  }
  if (limit < 1 || (upper && compareCuts(lower ?? start, upper) >= 0)) return undefined;
  return { prefix, ...(lower && { lower }), ...(upper && { upper }), reverse, limit: Math.floor(limit) };
}

export function assertParts(table: StorageTable, parts: StorageKey, count: 'all' | 'most'): void {
  const wanted = storageTables[table];
  if (count === 'all' ? parts.length === wanted : parts.length <= wanted) return;
  throw new TypeError(`A key of ${table} has ${wanted} parts, not ${parts.length}.`);
}

/** Part by part, by code point; what is longer sorts behind what it begins with. */
export function compareParts(a: StorageKey, b: StorageKey): number {
  for (const [at, part] of a.entries()) {
    const other = b[at];
    if (other === undefined) return 1;
    const order = compareText(part, other);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

const start: Cut = { parts: [], past: false };

function compareCuts(a: Cut, b: Cut): number {
  return compareParts(a.parts, b.parts) || Number(a.past) - Number(b.past);
}

function greater(a: Cut | undefined, b: Cut): Cut {
  return a && compareCuts(a, b) > 0 ? a : b;
}

function lesser(a: Cut | undefined, b: Cut): Cut {
  return a && compareCuts(a, b) < 0 ? a : b;
}
