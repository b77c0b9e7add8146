// The law of the sorted map: after any writes it answers what an array would that is sorted at every question.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SortedMap } from './sorted-map.ts';

// Enough keys for several chunks, few enough that they are met again.
const key = fc.nat(1_500).map((n) => n.toString(36));
const write = fc.record({ key, delete: fc.boolean() });
const range = fc.record({
  from: fc.oneof(key, fc.constant('')),
  to: fc.option(key, { nil: undefined }),
  reverse: fc.boolean(),
  limit: fc.nat(700),
});

test('it answers what a sorted array would', () => {
  fc.assert(
    fc.property(
      fc.array(write, { minLength: 1_000, maxLength: 4_000, size: 'max' }),
      fc.array(range, { minLength: 20 }),
      fc.nat(3),
      (writes, ranges, rarely) => {
        const map = new SortedMap<number>();
        const model = new Map<string, number>();
        // First keys in order, as a bulk load puts them.
        const sorted = Array.from({ length: 600 }, (_, n) => `m${String(n).padStart(4, '0')}`);
        const bulk = sorted.map((one) => ({ key: one, delete: false }));
        for (const [at, each] of [...bulk, ...writes].entries()) {
          const deletes = each.delete && at % (rarely + 1) === 0;
          const before = deletes ? map.delete(each.key) : map.set(each.key, at);
          if (before !== model.get(each.key))
            expect([each.key, before]).toEqual([each.key, model.get(each.key)]);
          if (deletes) model.delete(each.key);
          else model.set(each.key, at);
        }
        const all = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
        for (const { from, to, reverse, limit } of ranges) {
          const inside = all.filter(([one]) => one >= from && (to === undefined || one < to));
          expect(map.slice({ from, to, reverse, limit })).toEqual(
            (reverse ? inside.reverse() : inside).slice(0, limit),
          );
        }
        expect(writes.map((each) => map.get(each.key))).toEqual(writes.map((each) => model.get(each.key)));
        for (const [each] of all) map.delete(each);
        expect(map.slice({ from: '', reverse: false, limit: 1 })).toEqual([]);
      },
    ),
    { numRuns: 15 },
  );
});
