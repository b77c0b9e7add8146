// 10. A counter equals the sum of the accepted increments, exactly.

import type { MakeChecker } from '../checker.ts';
import { addedTenths, contentOf, tenths } from '../history.ts';

export const countersExact: MakeChecker = ({ history, fail }) => {
  const invariant = '10 counters exact';
  /** scope key → tenths. */
  const sums = new Map<string, number>();
  return {
    invariant,
    committed({ scope, writes }) {
      for (const { mutation } of writes.commits) {
        const changes = history.made.get(mutation)?.mutation.changes ?? [];
        for (const key of new Set(changes.map((change) => `${change.collection}/${change.id}`))) {
          if (!key.startsWith('accounts/')) continue;
          const name = `${scope} ${key}`;
          sums.set(name, (sums.get(name) ?? 0) + addedTenths(changes, key, 'balance'));
        }
      }
      for (const { collection, id, body } of writes.records) {
        if (collection !== 'accounts' || body === null) continue;
        const { balance } = contentOf(body);
        const expected = sums.get(`${scope} accounts/${id}`) ?? 0;
        if (tenths(balance) !== expected || balance !== expected / 10)
          fail(
            invariant,
            `${scope}: accounts/${id} holds ${balance}, and its increments add up to ${expected / 10}.`,
          );
      }
    },
  };
};
