import { DatabaseSync } from 'node:sqlite';
import { expect, it, test } from 'vitest';
import { compareScalar, compareText, type Scalar } from './collate.ts';

/** In order. Between neighbours lies each step that UTF-16, locales or normal forms would put elsewhere. */
const texts = [
  '',
  '\u0001',
  ' ',
  '0',
  '10',
  '9',
  'A',
  'AB',
  'Z',
  'a',
  'a\u0001',
  'a ',
  'aa',
  'ab',
  'e\u0301',
  'z',
  '\u007f',
  '\u0080',
  '\u00e9',
  '\u0430',
  '\u2028',
  '\ud7ff',
  '\ue000',
  '\ufb01',
  '\ufeff',
  '\ufffd',
  '\uffff',
  '\u{10000}',
  '\u{1f600}',
  '\u{1f600}\ue000',
  '\u{1f600}\u{10000}',
  '\u{1f601}',
  '\u{10ffff}',
];

test('compareText puts every text before all that follow', () => {
  for (const [at, a] of texts.entries()) {
    for (const [other, b] of texts.entries()) {
      expect([a, b, compareText(a, b)]).toEqual([a, b, Math.sign(at - other)]);
    }
  }
});

it('is the order of SQLite', () => {
  const database = new DatabaseSync(':memory:');
  database.exec('create table t (x text)');
  const insert = database.prepare('insert into t values (?)');
  for (const text of [...texts].reverse()) insert.run(text);
  const ordered = database.prepare('select x from t order by x').all();
  database.close();
  expect(ordered.map(({ x }) => x)).toEqual([...texts].sort(compareText));
});

it('is not what sort() does', () => {
  expect(['\ue000', '\u{1f600}'].sort()).toEqual(['\u{1f600}', '\ue000']);
  expect(['\u{1f600}', '\ue000'].sort(compareText)).toEqual(['\ue000', '\u{1f600}']);
});

test('compareScalar orders kinds, then values', () => {
  const groups: Scalar[][] = [
    [null, undefined],
    [false],
    [true],
    [-1e15],
    [-0.5],
    [0, -0],
    [5e-324],
    [2],
    [10],
    [''],
    ['10'],
    ['2'],
    ['false'],
  ];
  for (const [at, group] of groups.entries()) {
    for (const [other, others] of groups.entries()) {
      for (const a of group) for (const b of others) expect(compareScalar(a, b)).toBe(Math.sign(at - other));
    }
  }
});
