// Laws of exact sums, against BigInt arithmetic on integers in units of 10^-400:
// 1. A sum is the exact one, and it is undefined exactly when no double within ±(2^53 - 1) prints it.
// 2. The order of the parts does not matter, nor how they are grouped when every sum on the way is held.
// 3. Taking away what was added gives back what was there: an undo of a counter.
// 4. No result is -0.
// 5. compareDecimal is the order of the exact values.
// 6. parseDecimal reads back what a number prints, however many zeros or exponents dress it.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addDecimal, compareDecimal, negate, parseDecimal, subtractDecimal, sumDecimals } from './decimal.ts';

/** Money and weights mostly, up to any double that a store may hold. */
const part = fc.oneof(
  fc.integer({ min: -1_000_000, max: 1_000_000 }).map((cents) => Number(`${cents}e-2`)),
  fc.integer({ min: -1_000_000, max: 1_000_000 }).map((grams) => Number(`${grams}e-3`)),
  fc.maxSafeInteger(),
  fc
    .tuple(fc.maxSafeInteger(), fc.integer({ min: 0, max: 20 }))
    .map(([digits, scale]) => Number(`${digits}e-${scale}`)),
  fc.double({ min: -(2 ** 53) + 1, max: 2 ** 53 - 1, noNaN: true }),
  fc.constantFrom(0, -0, 0.1, 0.2, 5e-324, -5e-324, 2 ** 53 - 1, -(2 ** 53) + 1, 2 ** 52 + 0.5),
);

function scaled(value: number): bigint {
  const [mantissa = '', exponent = '0'] = String(value).split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  return BigInt(whole + fraction) * 10n ** BigInt(400 + Number(exponent) - fraction.length);
}

/** The number that prints `units`; undefined when none does. */
function oracle(units: bigint): number | undefined {
  const nearest = Number(`${units}e-400`) + 0;
  return Math.abs(nearest) < 2 ** 53 && scaled(nearest) === units ? nearest : undefined;
}

test('1, 4: a sum is exact or undefined', () => {
  fc.assert(
    fc.property(part, part, (a, b) => {
      expect(addDecimal(a, b)).toBe(oracle(scaled(a) + scaled(b)));
      expect(subtractDecimal(a, b)).toBe(oracle(scaled(a) - scaled(b)));
    }),
    { numRuns: 3_000 },
  );
});

test('1, 2, 4: a sum of many is exact or undefined, in any order', () => {
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const sum = oracle(parts.reduce((units, value) => units + scaled(value), 0n));
      expect(sumDecimals(parts)).toBe(sum);
      expect(sumDecimals([...parts].reverse())).toBe(sum);
      expect(sumDecimals([...parts].sort(compareDecimal))).toBe(sum);
    }),
    { numRuns: 1_000 },
  );
});

test('2: one by one is the same as all at once, when each step is held', () => {
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      let sum: number | undefined = 0;
      for (const value of parts) sum = sum === undefined ? undefined : addDecimal(sum, value);
      if (sum !== undefined) expect(sumDecimals(parts)).toBe(sum);
    }),
    { numRuns: 1_000 },
  );
});

test('3, 4: adding the negative undoes', () => {
  fc.assert(
    fc.property(part, part, (before, amount) => {
      const after = addDecimal(before, amount);
      if (after === undefined) return;
      expect(addDecimal(after, negate(amount))).toBe(before + 0);
      expect(subtractDecimal(after, amount)).toBe(before + 0);
      expect(subtractDecimal(after, before)).toBe(amount + 0);
    }),
    { numRuns: 2_000 },
  );
});

test('5: the order of the exact values', () => {
  fc.assert(
    fc.property(part, part, (a, b) => {
      const difference = scaled(a) - scaled(b);
      expect(compareDecimal(a, b)).toBe(difference < 0n ? -1 : difference > 0n ? 1 : 0);
    }),
    { numRuns: 1_000 },
  );
});

test('6: what a number prints is read back', () => {
  fc.assert(
    fc.property(part, fc.nat({ max: 4 }), fc.integer({ min: -9, max: 9 }), (value, zeros, shift) => {
      expect(parseDecimal(String(value))).toBe(value + 0);
      const [mantissa = '', exponent = '0'] = String(value).split('e');
      const point = mantissa.includes('.') ? '' : '.0';
      const padded = `${mantissa}${point}${'0'.repeat(zeros)}`;
      expect(parseDecimal(`${padded}E${exponent}`)).toBe(value + 0);
      const [whole = '', fraction = ''] = padded.split('.');
      // The same digits with the point moved to the far right, and the exponent to match.
      expect(parseDecimal(`${whole}${fraction}e${Number(exponent) - fraction.length}`)).toBe(value + 0);
      expect(parseDecimal(`${padded}e${Number(exponent) + shift}`)).toBe(
        oracle(shift < 0 ? scaled(value) / 10n ** BigInt(-shift) : scaled(value) * 10n ** BigInt(shift)),
      );
    }),
    { numRuns: 1_000 },
  );
});
