// 2. A mutation is applied exactly once, whatever is dropped, repeated, reordered, cut or re-batched.

import type { Verdict } from '@holdfast/core';
import type { MakeChecker } from '../checker.ts';

const final = new Set(['applied', 'merged', 'excepted', 'rejected']);

export const appliedOnce: MakeChecker = ({ history, fail }) => {
  const invariant = '2 applied once';
  /** By the key under which they are remembered. */
  const verdicts = new Map<string, Verdict>();
  return {
    invariant,
    committed({ scope, writes }) {
      const before = history.scope(scope);
      let { head } = before;
      for (const { seq, mutation } of writes.commits) {
        if (seq !== head + 1) fail(invariant, `${scope}: seq ${seq} follows ${head}.`);
        head = seq;
        const applied = before.applied.get(mutation);
        if (applied !== undefined)
          fail(invariant, `${scope}: ${mutation} was applied at ${applied}, and again at ${seq}.`);
      }
      const inThis = new Set(writes.commits.map(({ mutation }) => mutation));
      if (inThis.size !== writes.commits.length)
        fail(invariant, `${scope}: one commit applies a mutation twice.`);
      const answered = new Set(
        writes.conflicts.flatMap(({ settlement, mutations }) =>
          settlement?.by === 'person' ? mutations : [],
        ),
      );
      for (const { id, verdict } of writes.mutations) {
        const known = verdicts.get(`${scope} ${id}`);
        verdicts.set(`${scope} ${id}`, verdict);
        // A conflict that a person answered is told of once more, with the verdict as it was.
        const again = known && answered.has(id) ? { ...known, asOf: verdict.asOf } : known;
        if (known && final.has(known.verdict) && JSON.stringify(again) !== JSON.stringify(verdict))
          fail(
            invariant,
            `${scope}: the final verdict on ${id} changed from ${known.verdict} to ${verdict.verdict}.`,
          );
        if (verdict.seq !== undefined && !inThis.has(id) && before.applied.get(id) !== verdict.seq)
          fail(
            invariant,
            `${scope}: the verdict on ${id} names seq ${verdict.seq}, which is not its commit.`,
          );
      }
    },
    ended(devices) {
      for (const device of devices) {
        for (const id of device.accepted) {
          const made = history.made.get(id);
          const verdict = made && history.scope(made.scope).verdicts.get(id);
          const says = verdict && ['applied', 'merged', 'excepted'].includes(verdict.verdict);
          if (says && verdict.seq !== undefined && history.scope(made.scope).applied.get(id) !== verdict.seq)
            fail(invariant, `${id} is said to be ${verdict.verdict} at ${verdict.seq}, and is not.`);
        }
      }
    },
  };
};
