import { expect, it, test } from 'vitest';
import {
  addDecimal,
  compareDecimal,
  isHeld,
  negate,
  parseDecimal,
  subtractDecimal,
  sumDecimals,
} from './decimal.ts';

const largest = Number.MAX_SAFE_INTEGER;

test.each<[number, number, number | undefined]>([
  [1, 2, 3],
  [0.1, 0.2, 0.3],
  [0.7, 0.1, 0.8],
  [1.1, 2.2, 3.3],
  [-0.3, 0.1, -0.2],
  [19.99, 0.01, 20],
  [1e-7, 1e-7, 2e-7],
  [5e-324, 5e-324, 1e-323],
  [1e15, 0.1, 1_000_000_000_000_000.1],
  [largest, 0, largest],
  [largest - 1, 1, largest],
  [largest, 1, undefined],
  [largest, largest, undefined],
  [-largest, -1, undefined],
  [largest, 0.5, undefined],
  [largest, -0.5, undefined],
  [4_503_599_627_370_495, 0.5, 4_503_599_627_370_495.5],
  [1e15, 0.01, undefined],
  [1, 1e-16, undefined],
  [1, 5e-324, undefined],
  [1e300, 1, undefined],
  [1e300, -1e300, 0],
  [Number.NaN, 1, undefined],
  [1, Number.POSITIVE_INFINITY, undefined],
  [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, undefined],
  [0, -0, 0],
  [-0, -0, 0],
  [0.1, -0.1, 0],
  [-0.1, 0.1, 0],
])('%d + %d = %d', (a, b, sum) => {
  expect(addDecimal(a, b)).toBe(sum);
  expect(addDecimal(b, a)).toBe(sum);
  expect(subtractDecimal(a, -b)).toBe(sum);
  expect(sumDecimals([a, b])).toBe(sum);
});

test.each<[number[], number | undefined]>([
  [[], 0],
  [[-0], 0],
  [[0.1], 0.1],
  [Array(10).fill(0.1), 1],
  [[0.1, 0.2, -0.3], 0],
  [[largest, 1, -1], largest],
  [[largest, largest, -largest, -1], largest - 1],
  [[1, 1e-16, -1], 1e-16],
  [[1, 1e-16], undefined],
  [[1e300, 0.5, -1e300], 0.5],
  [[1, Number.NaN], undefined],
  [[Number.POSITIVE_INFINITY, 1, Number.NEGATIVE_INFINITY], undefined],
])('the sum of %j is %d, whatever it is on the way', (values, sum) => {
  expect(sumDecimals(values)).toBe(sum);
  expect(sumDecimals(values.toReversed().values())).toBe(sum);
});

test.each<[string, number | undefined]>([
  ['0', 0],
  ['-0', 0],
  ['-0.00', 0],
  ['12.50', 12.5],
  ['1E+2', 100],
  ['0.1', 0.1],
  ['0.10000000000000001', undefined],
  ['9007199254740991', largest],
  ['9007199254740992', undefined],
  ['1e400', undefined],
  ['1e-400', undefined],
])('parseDecimal(%s) is %d', (text, value) => {
  expect(parseDecimal(text)).toBe(value);
});

it('compares as numbers, with one zero', () => {
  expect(compareDecimal(0.1, 0.2)).toBe(-1);
  expect(compareDecimal(-1, -2)).toBe(1);
  expect(compareDecimal(0, -0)).toBe(0);
  expect(compareDecimal(0.1 + 0.2, 0.3)).toBe(1);
});

it('negates without a negative zero', () => {
  expect(negate(0)).toBe(0);
  expect(negate(-0)).toBe(0);
  expect(negate(1.5)).toBe(-1.5);
});

it('holds finite numbers up to 2^53 - 1', () => {
  expect([0, -0, 0.1, largest, -largest].every(isHeld)).toBe(true);
  expect([2 ** 53, -(2 ** 53), Number.NaN, Number.POSITIVE_INFINITY].some(isHeld)).toBe(false);
});
