// Who wrote each field last. Seqs and times run alike here: a touch is [seq, seq * 10, writer].

import { describe, expect, test } from 'vitest';
import {
  anyForeign,
  isForeign,
  readTouched,
  serverWriter,
  type Touch,
  touchedAgain,
  touchedAnew,
  touchOf,
  writeTouched,
  wroteSince,
} from './touched.ts';

const touch = (seq: number, writer: string | null): Touch => [seq, seq * 10, writer];
const record = (seq: number, writer: string, touched = '') => ({ seq, madeAt: seq * 10, writer, touched });

describe('touched', () => {
  test('of a new record is one entry for all fields: its own seq, time and writer', () => {
    const touched = readTouched(record(3, 'a'));
    expect(touchOf(touched, 'any')).toEqual(touch(3, 'a'));
    expect(touched.fields.size).toBe(0);
  });

  test('names the fields that were written since', () => {
    const text = writeTouched(readTouched(record(3, 'a')), ['x', 'y'], touch(4, 'b'), 10);
    const touched = readTouched(record(4, 'b', text));
    expect(['x', 'y', 'z'].map((field) => touchOf(touched, field))).toEqual([
      touch(4, 'b'),
      touch(4, 'b'),
      touch(3, 'a'),
    ]);
    const again = readTouched(record(5, 'c', writeTouched(touched, ['x'], touch(5, 'c'), 10)));
    expect(['x', 'y', 'z'].map((field) => touchOf(again, field)[0])).toEqual([5, 4, 3]);
  });

  test('beyond its bound folds the oldest into the rest, with the highest seq, the latest time and no writer', () => {
    let text = '';
    for (let n = 1; n <= 5; n++)
      text = writeTouched(readTouched(record(1, 'a', text)), [`f${n}`], touch(n + 1, 'a'), 3);
    const touched = readTouched(record(6, 'a', text));
    expect([...touched.fields.keys()]).toEqual(['f3', 'f4', 'f5']);
    expect(touched.rest).toEqual(touch(3, null));
    expect(JSON.parse(text)['*']).toEqual(touch(3, null));
  });

  test('keeps a field called `*`, or as objects inherit it, apart from the rest', () => {
    const names = ['*', '**', '*x', 'x*', 'toString'];
    const text = writeTouched(readTouched(record(1, 'a')), names, touch(2, 'b'), 10);
    const touched = readTouched(record(2, 'b', text));
    expect([...touched.fields]).toEqual(names.map((name) => [name, touch(2, 'b')]));
    expect(touchOf(touched, 'valueOf')).toEqual(touch(1, 'a'));
  });
});

describe('touched where a tombstone stood', () => {
  test('of a record that begins anew is one entry for all fields, and the delete before it, however often it is written', () => {
    const text = touchedAnew(record(3, 'b'), touch(4, 'c'));
    const written = writeTouched(readTouched(record(4, 'c', text)), ['x', 'tombstone'], touch(5, 'd'), 10);
    for (const touched of [readTouched(record(4, 'c', text)), readTouched(record(5, 'd', written))]) {
      expect(touched.rest).toEqual(touch(4, 'c'));
      expect(touched.tombstone).toEqual(touch(3, 'b'));
    }
    expect([...readTouched(record(5, 'd', written)).fields.keys()]).toEqual(['x', 'tombstone']);
    expect(readTouched(record(4, 'c')).tombstone).toBeNull();
  });

  test('of one that is brought back names its fields; what it has no more counts as another’s', () => {
    const touched = readTouched(record(4, 'c', touchedAgain(record(3, 'b'), ['x'], touch(4, 'c'), 10)));
    expect(['x', 'y'].map((field) => touchOf(touched, field))).toEqual([touch(4, 'c'), touch(3, null)]);
    expect(touched.tombstone).toBeNull();
  });
});

describe('a write is foreign', () => {
  const own = new Set(['a', 'a-before']);

  test('if it is another’s and after the base', () => {
    expect(isForeign(touch(5, 'b'), 4, own)).toBe(true);
    expect(isForeign(touch(5, 'b'), 5, own)).toBe(false);
    expect(isForeign(touch(5, 'a'), 0, own)).toBe(false);
    expect(isForeign(touch(5, 'a-before'), 0, own)).toBe(false);
  });

  test('if nobody is known to have made it', () => {
    expect(isForeign(touch(5, null), 4, own)).toBe(true);
    expect(isForeign(touch(5, null), 5, own)).toBe(false);
  });

  test('if the server made it: nobody’s own', () => {
    expect(isForeign(touch(5, serverWriter), 4, new Set([serverWriter]))).toBe(true);
  });

  test('if its owner says that it came after: an own write, too', () => {
    const until = { has: (writer: string, seq: number) => own.has(writer) && seq <= 5 };
    expect([5, 6].map((seq) => isForeign(touch(seq, 'a'), 4, until))).toEqual([false, true]);
  });

  test('anywhere in the record, the rest included', () => {
    const rest = readTouched(record(5, 'b'));
    expect(anyForeign(rest, 4, own)).toBe(true);
    expect(anyForeign(rest, 5, own)).toBe(false);
    const text = writeTouched(readTouched(record(2, 'a')), ['x'], touch(5, 'b'), 10);
    expect(anyForeign(readTouched(record(5, 'b', text)), 4, own)).toBe(true);
    expect(anyForeign(readTouched(record(5, 'b', text)), 5, own)).toBe(false);
  });
});

test('others wrote behind a seq if any field of the record is theirs since', () => {
  const text = writeTouched(readTouched(record(3, 'a')), ['x'], touch(5, 'b'), 10);
  const last = record(7, 'a', writeTouched(readTouched(record(5, 'b', text)), ['y'], touch(7, 'a'), 10));
  const asked = (writer: string, seq: number) => wroteSince(last, { writer, seq });
  expect([asked('a', 4), asked('a', 5), asked('b', 6), asked('b', 7), asked('c', 2)]).toEqual([
    true,
    false,
    true,
    false,
    true,
  ]);
  expect(wroteSince(record(3, serverWriter), { writer: 'a', seq: 2 })).toBe(true);
  const anew = record(4, 'a', touchedAnew(record(3, 'b'), touch(4, 'a')));
  expect([2, 3].map((seq) => wroteSince(anew, { writer: 'a', seq }))).toEqual([true, false]);
});
