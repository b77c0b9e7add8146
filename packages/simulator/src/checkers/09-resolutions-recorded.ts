// 9. Every automatic resolution is recorded with base and both sides.
//
// Both directions: what is said to be merged has its conflict in the log, and a patch of a field that another storage has changed
// since, to another value, is never just applied. A storage that was set back is another than it was, and what it sends, it sends in
// sight of what it knows, also when its former life had made it. What lay in the quarantine was not in sight.

import type { Mutation, StoredRecord } from '@holdfast/core';
import type { Committed, MakeChecker, Watched } from '../checker.ts';
import { contentOf, shapeOf, sorted } from '../history.ts';
import { counterFields } from '../schema.ts';

const invariant = '9 resolutions recorded';

export const resolutionsRecorded: MakeChecker = (watched) => {
  const { history, fail } = watched;
  const recorded = new Map<string, Recorded>();
  /** `scope key` → field → what gave it its value. */
  const records = new Map<string, Map<string, Last>>();
  const lastsOf = (scope: string, key: string): Map<string, Last> => {
    const lasts = records.get(`${scope} ${key}`) ?? new Map<string, Last>();
    records.set(`${scope} ${key}`, lasts);
    return lasts;
  };
  /** `replica mutation` → what each life of a storage knows that sent it under this id. */
  const senders = new Map<string, Set<ReadonlySet<string>>>();
  const overwritten = (scope: string, made: Mutation, replica: string): string | undefined => {
    const lives = [...(senders.get(`${replica} ${made.id}`) ?? [])];
    for (const change of made.changes) {
      if (change.type !== 'patch') continue;
      const key = `${change.collection}/${change.id}`;
      const lasts = lastsOf(scope, key);
      for (const [field, value] of Object.entries(change.set ?? {})) {
        const last = lasts.get(field);
        if (counterFields.has(field) || !last || last.seq <= (change.base ?? 0)) continue;
        const aside = history.made.get(made.id)?.aside.has(last.mutation);
        const foreign = aside || !lives.some((known) => known.has(last.mutation));
        if (foreign && last.value !== JSON.stringify(sorted(value))) return `${field} of ${key}`;
      }
    }
    return undefined;
  };
  return {
    invariant,
    sent({ device, replica, mutations }) {
      for (const id of mutations) {
        const key = `${replica} ${id}`;
        senders.set(key, (senders.get(key) ?? new Set()).add(device.disk.made));
      }
    },
    committed(event) {
      const { scope, writes, fresh } = event;
      for (const { id, mutations, changes, base, server } of writes.conflicts) {
        recorded.set(`${scope} ${id}`, { mutations, changes: changes.length });
        if (typeof base !== 'object' || base === null || server === undefined)
          fail(invariant, `${scope}: conflict ${id} is kept without base or server's side.`);
      }
      checkMerges(watched, recorded, event);
      const verdicts = new Map(writes.mutations.map(({ verdict }) => [verdict.mutation, verdict]));
      const versions = Map.groupBy(fresh, ({ mutation }) => mutation);
      for (const { mutation: id, replica } of writes.commits) {
        const made = history.made.get(id)?.mutation;
        const asked = history.scope(scope).verdicts.get(id)?.verdict === 'conflict';
        const field =
          made && !asked && verdicts.get(id)?.verdict === 'applied'
            ? overwritten(scope, made, replica)
            : undefined;
        if (field !== undefined)
          fail(invariant, `${scope}: ${id} was applied over another's ${field}, and nobody was told.`);
        for (const { key, record } of versions.get(id) ?? []) fold(lastsOf(scope, key), record, id);
      }
    },
  };
};

/** The device's side of a conflict in the log: its mutations, and how many changes they made. */
interface Recorded {
  mutations: readonly string[];
  changes: number;
}

/** What is said to be merged is in the log, with the device's side. */
function checkMerges(
  { history, fail }: Watched,
  recorded: ReadonlyMap<string, Recorded>,
  { scope, writes }: Committed,
): void {
  for (const { verdict } of writes.mutations) {
    const id = verdict.mutation;
    const merges = verdict.merged ?? [];
    const before = history.scope(scope).verdicts.get(id);
    if (verdict.verdict === 'merged' && merges.length === 0 && before?.verdict !== 'conflict')
      fail(invariant, `${scope}: ${id} is merged, and nothing says how.`);
    for (const { conflict } of merges) {
      const kept = recorded.get(`${scope} ${conflict}`);
      // A person's own changes are in no device's side, wherever the person is.
      const made = history.made.get(id)?.mutation;
      const holds =
        made && !shapeOf(made).isAnswer ? kept?.mutations.includes(id) === true : kept !== undefined;
      if (!holds || kept?.changes === 0)
        fail(
          invariant,
          `${scope}: ${id} was merged, and conflict ${conflict} does not hold the device's side.`,
        );
    }
  }
}

/** The last version that gave a field another value while the record lived, and that value; undefined: it took it away. */
interface Last {
  seq: number;
  mutation: string;
  value: string | undefined;
}

function fold(lasts: Map<string, Last>, { seq, body }: StoredRecord, mutation: string): void {
  if (body === null) {
    lasts.clear();
    return;
  }
  const content = contentOf(body);
  for (const field of new Set([...lasts.keys(), ...Object.keys(content)])) {
    const value = JSON.stringify(sorted(content[field]));
    if (value !== lasts.get(field)?.value) lasts.set(field, { seq, mutation, value });
  }
}
