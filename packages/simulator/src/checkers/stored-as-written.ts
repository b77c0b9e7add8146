// What comes is what is stored: the schema judges and never rewrites, and no key or value is lost on the way.
//
// Where nobody else had a part in it (a new record, or a change in sight of the record's newest version) the committed version is
// exactly the record that the device saw, with the change.

import type { Change, JsonObject } from '@holdfast/core';
import type { Committed, MakeChecker } from '../checker.ts';
import { contentOf, type Fresh, type History, shapeOf, sorted } from '../history.ts';
import { counterFields } from '../schema.ts';

export const storedAsWritten: MakeChecker = ({ history, fail }) => {
  const invariant = 'stored as written';
  const check = (scope: string, { record, key }: Fresh, change: Change): void => {
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
      for (const [version, change] of aloneIn(event, history)) check(event.scope, version, change);
    },
  };
};

/** The versions of a commit that one change of a device wrote, and that no other mutation of the same commit wrote before. */
function aloneIn({ fresh }: Committed, history: History): [Fresh, Change][] {
  const written = new Map<string, number>();
  for (const { key } of fresh) written.set(key, (written.get(key) ?? 0) + 1);
  return fresh.flatMap((version): [Fresh, Change][] => {
    const { key, mutation } = version;
    const made = history.made.get(mutation)?.mutation;
    const [change, second] = (made && shapeOf(made).changes.get(key)) ?? [];
    return change && !second && written.get(key) === 1 ? [[version, change]] : [];
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
