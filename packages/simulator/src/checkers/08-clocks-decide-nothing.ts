// 8. A wrong device clock cannot decide for ever, nor hide or resurrect a record.
//
// No version is dated later than its arrival allows. A deleted record comes back only by a put that saw the delete (a device has
// seen its own), or by a person. A field that was written in sight of its newest version is what was written.

import type { Mutation, StoredRecord } from '@holdfast/core';
import type { Committed, MakeChecker } from '../checker.ts';
import { contentOf, type History, type Version } from '../history.ts';
import { counterFields } from '../schema.ts';

const driftMsMax = 5 * 60_000;

export const clocksDecideNothing: MakeChecker = ({ history, fail }) => {
  const invariant = '8 clocks decide nothing';
  const checkVersion = (
    event: Committed,
    record: StoredRecord,
    before: Version | undefined,
    id: string,
  ): void => {
    const { scope, serverMs } = event;
    const key = `${record.collection}/${record.id}`;
    if (record.madeAt > serverMs + driftMsMax)
      fail(invariant, `${scope}: ${key} is dated ${record.madeAt - serverMs} ms after its arrival.`);
    const made = history.made.get(id)?.mutation;
    // Without one it is the server's own: a person's decision.
    if (!made || isAnswer(made) || decidedByPerson(event, id)) return;
    const knows = history.made.get(id)?.known.has(before?.mutation ?? '') === true;
    const resurrects = before?.body === null && record.body !== null && !knows;
    if (resurrects && !sawDelete(made, key, before.seq))
      fail(invariant, `${scope}: ${id} brought ${key} back without having seen that it was deleted.`);
    checkFields(made, key, { before, record });
  };
  const checkFields = (
    made: Mutation,
    key: string,
    { before, record }: { before: Version | undefined; record: StoredRecord },
  ): void => {
    const changes = made.changes.filter((change) => `${change.collection}/${change.id}` === key);
    const [change] = changes;
    if (!before || changes.length !== 1 || change?.type !== 'patch' || change.base !== before.seq) return;
    const body = contentOf(record.body);
    for (const [field, value] of Object.entries(change.set ?? {}))
      if (!counterFields.has(field) && JSON.stringify(body[field]) !== JSON.stringify(value))
        fail(
          invariant,
          `${made.id} wrote ${field} of ${key} in sight of its newest version, and it did not hold.`,
        );
  };
  return {
    invariant,
    committed(event) {
      const bySeq = new Map(event.writes.commits.map(({ seq, mutation }) => [seq, mutation]));
      const versions = [...event.writes.history.map(({ record }) => record), ...event.writes.records]
        .filter(({ seq }) => bySeq.has(seq))
        .sort((a, b) => a.seq - b.seq || a.ordinal - b.ordinal);
      const latest = new Map<string, Version>();
      for (const record of versions) {
        const key = `${record.collection}/${record.id}`;
        const before = latest.get(key) ?? lastOf(history, event.scope, key);
        const { seq, ordinal, writer, body } = record;
        const mutation = bySeq.get(seq) ?? '';
        // Several changes of one mutation to one record are judged as one.
        if (before?.seq !== seq) checkVersion(event, record, before, mutation);
        latest.set(key, { seq, ordinal, writer, body, mutation });
      }
    },
  };
};

function decidedByPerson({ writes }: Committed, mutation: string): boolean {
  return writes.conflicts.some(
    ({ settlement, mutations }) => settlement?.by === 'person' && mutations.includes(mutation),
  );
}

/** A person on a device decided. */
function isAnswer({ changes }: Mutation): boolean {
  return changes.some(({ type }) => type === 'resolve');
}

function lastOf(history: History, scope: string, key: string): Version | undefined {
  return history.scope(scope).versions.get(key)?.at(-1);
}

function sawDelete(made: Mutation, key: string, tombstone: number): boolean {
  return made.changes.some(
    (change) =>
      `${change.collection}/${change.id}` === key && change.type === 'put' && (change.base ?? 0) >= tombstone,
  );
}
