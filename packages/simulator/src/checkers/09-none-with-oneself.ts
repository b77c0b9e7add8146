// 9. Of what is resolved or asked: nothing is in conflict with what its own storage knew.
//
// Whatever was lost, repeated or sent again under a new id: for each conflict somebody else has written the record since the base.
// A storage that was set back is another than it was.

import type { MakeChecker } from '../checker.ts';

export const noneWithOneself: MakeChecker = ({ history, fail }) => {
  /** `scope number` of the conflicts that were seen. */
  const seen = new Set<string>();
  /** `scope key` of records in which old writes were folded into one, of which nobody knows whose they were. */
  const folded = new Set<string>();
  return {
    invariant: '9 none with oneself',
    committed({ scope, writes }) {
      const bySeq = new Map(writes.commits.map(({ seq, mutation }) => [seq, mutation]));
      const records = [...writes.history.map(({ record }) => record), ...writes.records];
      for (const { collection, id, touched } of records)
        if (touched.includes('null]')) folded.add(`${scope} ${collection}/${id}`);
      for (const { id, collection, record, changes, mutations, fields, policy } of writes.conflicts) {
        const key = `${collection}/${record}`;
        const isNew = !seen.has(`${scope} ${id}`);
        seen.add(`${scope} ${id}`);
        const made = history.made.get(mutations[0] ?? '');
        // What lay before a person meets what its own replica wrote meanwhile.
        const isFirst = made && !history.scope(scope).verdicts.has(made.mutation.id);
        // Without a field, or about a counter's start, it says that a change could not be done.
        const isAsked = fields.length > 0 && policy !== 'counter';
        if (!isNew || !isFirst || !isAsked || folded.has(`${scope} ${key}`)) continue;
        const base = Math.min(...changes.map((change) => change.base ?? 0));
        const known = history.scope(scope).versions.get(key) ?? [];
        const now = records.filter((it) => `${it.collection}/${it.id}` === key && bySeq.has(it.seq));
        const all = [...known, ...now.map(({ seq }) => ({ seq, mutation: bySeq.get(seq) ?? '' }))];
        if (!all.some(({ seq, mutation }) => seq > base && !made.known.has(mutation)))
          fail(
            '9 none with oneself',
            `${scope}: ${made.mutation.id} conflicts about ${key} with nobody else.`,
          );
      }
    },
  };
};
