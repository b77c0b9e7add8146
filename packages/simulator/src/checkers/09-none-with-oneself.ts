// 9. Of what is resolved or asked: nothing is in conflict with what its own storage knew when it was made.
//
// Whatever was lost, repeated or sent again under a new id: for each conflict somebody else has written the record since the base.
// A storage that was set back is another than it was, and one that came to another device is another's, until it has sent itself
// what it had in common with the first. What lay in its quarantine was not in sight; what a device was refused, and another life of its
// storage has sent, is that other's.

import type { Committed, MakeChecker } from '../checker.ts';
import type { Made } from '../history.ts';

type Conflict = Committed['writes']['conflicts'][number];

export const noneWithOneself: MakeChecker = ({ history, fail }) => {
  const invariant = '9 none with oneself';
  /** `scope number` of the conflicts that were seen. */
  const seen = new Set<string>();
  /** `scope key` of records in which old writes were folded into one, of which nobody knows whose they were. */
  const folded = new Set<string>();
  /** Mutation → the device under whose name it was committed, and the replicas in whose logs its verdict is. */
  const devices = new Map<string, string>();
  const logged = new Map<string, ReadonlySet<string>>();
  /** Replica → its device. */
  const owners = new Map<string, string>();
  /** `device mutation` of what was refused for lack of a right, which stands for that device. */
  const refused = new Set<string>();
  /** Mutations that lay before a person: who sent them no longer shows them, and what then became of them a person decided. */
  const asked = new Set<string>();
  const note = ({ scope, writes }: Committed): void => {
    for (const { collection, id, touched } of recordsIn(writes))
      if (touched.includes('null]')) folded.add(`${scope} ${collection}/${id}`);
    for (const { mutation, device } of writes.commits) devices.set(mutation, device);
    for (const { replica, device } of writes.replicas) owners.set(replica, device);
    for (const { id, verdict, logged: places } of writes.mutations) {
      // What was refused for lack of a right is remembered beside it, under another key, and tells nothing of it.
      if (id === verdict.mutation) logged.set(id, new Set(Object.keys(places)));
      else
        for (const replica of Object.keys(places)) refused.add(`${owners.get(replica)} ${verdict.mutation}`);
      if (verdict.verdict === 'conflict') asked.add(verdict.mutation);
    }
  };
  /** Whether this write is another's, for who sent the mutation that came into the conflict. */
  const isForeign = (made: Made, { device, writer }: Conflict, mutation: string): boolean => {
    const other = history.made.get(mutation);
    const isInSight = made.known.has(mutation) && !made.aside.has(mutation);
    const knew = isInSight && (other?.order ?? made.order) < made.order;
    // A copy that comes under the same name may have given up what the first one then sent.
    const isOfOneStorage =
      devices.get(mutation) === device &&
      other?.device === made.device &&
      !refused.has(`${device} ${mutation}`);
    return !knew || asked.has(mutation) || (!isOfOneStorage && !logged.get(mutation)?.has(writer));
  };
  return {
    invariant,
    committed(event) {
      note(event);
      const { scope, writes, fresh } = event;
      for (const conflict of writes.conflicts) {
        const { id, collection, record, changes, mutations, fields, policy } = conflict;
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
        const now = fresh.filter((version) => version.key === key);
        const all = [...known, ...now.map(({ record, mutation }) => ({ seq: record.seq, mutation }))];
        if (!all.some(({ seq, mutation }) => seq > base && isForeign(made, conflict, mutation)))
          fail(invariant, `${scope}: ${made.mutation.id} conflicts about ${key} with nobody else.`);
      }
    },
  };
};

function recordsIn({ history, records }: Committed['writes']): Committed['writes']['records'] {
  return [...history.map(({ record }) => record), ...records];
}
