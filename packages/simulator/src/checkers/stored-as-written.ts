// What comes is what is stored: the schema judges and never rewrites, and no key or value is lost on the way.
//
// Where nobody else had a part in it (a new record, or a change in sight of the record's newest version) the committed version is
// exactly the record that the device saw, with the change.

import type { Change, JsonObject, StoredRecord } from '@holdfast/core';
import type { Committed, MakeChecker } from '../checker.ts';
import { contentOf, type History, sorted } from '../history.ts';
import { counterFields } from '../schema.ts';

export const storedAsWritten: MakeChecker = ({ history, fail }) => {
  const invariant = 'stored as written';
  const check = (scope: string, record: StoredRecord, change: Change): void => {
    const key = `${record.collection}/${record.id}`;
    const before = history.at(scope, key, record.seq - 1);
    const expected = after(change, before && { seq: before.seq, body: before.body });
    if (expected === undefined || record.body === null) return;
    const wanted = textOf(expected);
    const found = textOf(contentOf(record.body));
    if (found !== wanted)
      fail(invariant, `${scope}: ${key} is stored as ${found}, and was written as ${wanted}.`);
  };
  return {
    invariant,
    committed(event) {
      for (const [record, change] of aloneIn(event, history)) check(event.scope, record, change);
    },
  };
};

/** The records of a commit that one change of a device wrote, and that no other mutation of the same commit wrote before. */
function aloneIn({ writes }: Committed, history: History): [StoredRecord, Change][] {
  const bySeq = new Map(writes.commits.map(({ seq, mutation }) => [seq, mutation]));
  const changed = new Map<string, number>();
  const fresh = [...writes.history.map(({ record }) => record), ...writes.records].filter(({ seq }) =>
    bySeq.has(seq),
  );
  for (const { collection, id } of fresh)
    changed.set(`${collection}/${id}`, (changed.get(`${collection}/${id}`) ?? 0) + 1);
  return fresh.flatMap((record): [StoredRecord, Change][] => {
    const key = `${record.collection}/${record.id}`;
    const made = history.made.get(bySeq.get(record.seq) ?? '')?.mutation.changes ?? [];
    const [change, second] = made.filter(({ collection, id }) => `${collection}/${id}` === key);
    return change && !second && changed.get(key) === 1 ? [[record, change]] : [];
  });
}

/** The record after the change; undefined where others had a part in it. */
function after(
  change: Change,
  before: { seq: number; body: string | null } | undefined,
): JsonObject | undefined {
  if (change.type === 'put' && !before) return change.body;
  const inSight = before !== undefined && before.body !== null && change.base === before.seq;
  if (!inSight || change.type !== 'patch') return undefined;
  const { set = {}, unset = [] } = change;
  const kept = Object.entries(contentOf(before.body)).filter(([field]) => !unset.includes(field));
  return Object.fromEntries([...kept, ...Object.entries(set)]) as JsonObject;
}

/** Counters aside: they move by increments. */
function textOf(body: object): string {
  return JSON.stringify(
    sorted(Object.fromEntries(Object.entries(body).filter(([name]) => !counterFields.has(name)))),
  );
}
