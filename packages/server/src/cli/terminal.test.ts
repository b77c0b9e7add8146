// How things are written for people.

import { expect, test } from 'vitest';
import {
  bytesText,
  countText,
  durationText,
  facts,
  numberText,
  printable,
  table,
  timeText,
} from './terminal.ts';

test('numbers, bytes, times', () => {
  expect([0, 999, 1_000, 1_234_567].map(numberText)).toEqual([
    '0',
    '999',
    '1\u00a0000',
    '1\u00a0234\u00a0567',
  ]);
  expect(countText(1, 'row')).toBe('1 row');
  expect(countText(2, 'entry', 'entries')).toBe('2 entries');
  expect([0, 999, 1_000, 1_550_000, 250_000_000, 9e18].map(bytesText)).toEqual([
    '0 bytes',
    '999 bytes',
    '1.0 kB',
    '1.6 MB',
    '250 MB',
    '9000000 TB',
  ]);
  expect([0, 59_000, 60_000, 3_720_000, 90_000_000].map(durationText)).toEqual([
    '0 s',
    '59 s',
    '1 min',
    '1 h 2 min',
    '1 d 1 h',
  ]);
  expect(timeText(0)).toBe('1970-01-01 00:00 UTC');
});

test('tables and facts hold their columns, and control characters do not reach the terminal', () => {
  expect(
    table(
      ['A', 'NAME'],
      [
        ['1', 'x\u001b[2J'],
        ['22', 'y'],
      ],
    ),
  ).toBe('A   NAME\n1   x\u{fffd}[2J\n22  y');
  expect(
    facts([
      ['a', '1'],
      ['long', '2'],
    ]),
  ).toBe('a     1\nlong  2');
  expect(printable('a\nb\u0007')).toBe('a\u{fffd}b\u{fffd}');
});
