// 10. A counter equals the sum of the accepted increments, exactly.
//
// Sums are kept as whole numbers of 10^-25, of the decimals that the increments are written as.

import type { Change } from '@holdfast/core';
import type { MakeChecker } from '../checker.ts';
import { contentOf } from '../history.ts';

/** Collections whose counter only `add` changes. */
const counters = new Map([
  ['accounts', 'balance'],
  ['meters', 'units'],
]);

export const countersExact: MakeChecker = ({ history, fail }) => {
  const invariant = '10 counters exact';
  /** scope collection/id → the sum of what was applied. */
  const sums = new Map<string, bigint>();
  const add = (scope: string, change: Change): void => {
    const field = counters.get(change.collection);
    if (field === undefined || change.type !== 'add') return;
    const name = `${scope} ${change.collection}/${change.id}`;
    sums.set(name, (sums.get(name) ?? 0n) + exact(change.amounts[field] ?? 0));
  };
  return {
    invariant,
    committed({ scope, writes }) {
      for (const { mutation } of writes.commits)
        for (const change of history.made.get(mutation)?.mutation.changes ?? []) add(scope, change);
      for (const { collection, id, body } of writes.records) {
        const field = counters.get(collection);
        if (field === undefined || body === null) continue;
        const value = Number(contentOf(body)[field]);
        const expected = sums.get(`${scope} ${collection}/${id}`) ?? 0n;
        if (exact(value) !== expected)
          fail(
            invariant,
            `${scope}: ${collection}/${id} holds ${value}, and its increments add up to ${expected}e-25.`,
          );
      }
    },
  };
};

/** A decimal of at most 25 places as a whole number of 10^-25. */
function exact(value: number): bigint {
  const [mantissa = '0', exponent = '0'] = String(Math.abs(value)).split('e');
  const [whole = '0', part = ''] = mantissa.split('.');
  const size = BigInt(whole + part) * 10n ** BigInt(25 + Number(exponent) - part.length);
  return value < 0 ? -size : size;
}
