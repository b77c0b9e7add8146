// 8. A wrong device clock cannot decide for ever, nor hide or resurrect a record.
//
// No version is dated later than its arrival allows. A deleted record comes back only by a put that saw the delete (a device has
// seen its own), or by a person. A field that was written in sight of its newest version is what was written.

import type { Mutation, StoredRecord } from '@holdfast/core';
import type { Committed, MakeChecker } from '../checker.ts';
import { contentOf, type Fresh, type History, shapeOf, type Version } from '../history.ts';
import { counterFields } from '../schema.ts';

const driftMsMax = 5 * 60_000;

export const clocksDecideNothing: MakeChecker = ({ history, fail }) => {
  const invariant = '8 clocks decide nothing';
  const checkVersion = (event: Committed, { record, key, mutation: id }: Fresh, before?: Version): void => {
    const { scope, serverMs } = event;
    if (record.madeAt > serverMs + driftMsMax)
      fail(invariant, `${scope}: ${key} is dated ${record.madeAt - serverMs} ms after its arrival.`);
    const made = history.made.get(id)?.mutation;
    // Without one it is the server's own: a person's decision.
    if (!made || shapeOf(made).isAnswer || decidedByPerson(event, id)) return;
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
    const [change, second] = shapeOf(made).changes.get(key) ?? [];
    if (!before || second || change?.type !== 'patch' || change.base !== before.seq) return;
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
      const latest = new Map<string, Version>();
      for (const version of event.fresh) {
        const { key, mutation } = version;
        const { seq, ordinal, writer, body } = version.record;
        const before = latest.get(key) ?? lastOf(history, event.scope, key);
        // Several changes of one mutation to one record are judged as one.
        if (before?.seq !== seq) checkVersion(event, version, before);
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

function lastOf(history: History, scope: string, key: string): Version | undefined {
  return history.scope(scope).versions.get(key)?.at(-1);
}

function sawDelete(made: Mutation, key: string, tombstone: number): boolean {
  const changes = shapeOf(made).changes.get(key) ?? [];
  return changes.some((change) => change.type === 'put' && (change.base ?? 0) >= tombstone);
}
