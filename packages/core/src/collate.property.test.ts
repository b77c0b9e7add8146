// Laws of the order:
// 1. compareText is the order of the UTF-8 bytes.
// 2. compareText and compareScalar are total orders: antisymmetric, transitive, and 0 only between equals.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareScalar, compareText } from './collate.ts';

/** Few different characters, so that texts have beginnings in common. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.string({
    unit: fc.constantFrom('a', '\u00e9', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{1f600}', '\u{1f601}'),
    maxLength: 4,
  }),
);
const scalar = fc.oneof(
  fc.constantFrom(null, undefined, false, true, 0, -0, 1, 0.1),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  text,
);

test('1: the order of the bytes', () => {
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(compareText(a, b)).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
    { numRuns: 3_000 },
  );
});

test('2: a total order of texts', () => {
  fc.assert(
    fc.property(text, text, text, (a, b, c) => {
      expect(compareText(a, b) + compareText(b, a)).toBe(0);
      expect(compareText(a, b) === 0).toBe(a === b);
      if (compareText(a, b) <= 0 && compareText(b, c) <= 0) expect(compareText(a, c)).toBeLessThanOrEqual(0);
    }),
    { numRuns: 1_000 },
  );
});

test('2: a total order of scalars', () => {
  fc.assert(
    fc.property(scalar, scalar, scalar, (a, b, c) => {
      expect(compareScalar(a, b) + compareScalar(b, a)).toBe(0);
      expect(compareScalar(a, b) === 0).toBe((a ?? null) === (b ?? null));
      if (compareScalar(a, b) <= 0 && compareScalar(b, c) <= 0)
        expect(compareScalar(a, c)).toBeLessThanOrEqual(0);
    }),
    { numRuns: 2_000 },
  );
});
