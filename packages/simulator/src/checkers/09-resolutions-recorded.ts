// 9. Every automatic resolution is recorded with base and both sides.
//
// Both directions: what is said to be merged has its conflict in the log, and a patch of a field that another device has changed
// since, to another value, is never just applied.

import type { Mutation } from '@holdfast/core';
import type { Committed, MakeChecker } from '../checker.ts';
import { type History, sorted, type Version } from '../history.ts';
import { counterFields } from '../schema.ts';

export const resolutionsRecorded: MakeChecker = ({ history, fail }) => {
  const invariant = '9 resolutions recorded';
  const recorded = new Map<string, { mutations: readonly string[]; changes: number }>();
  const devices = new Map<string, string>();
  const overwritten = (event: Committed, made: Mutation, seq: number): string | undefined => {
    for (const change of made.changes) {
      if (change.type !== 'patch') continue;
      const key = `${change.collection}/${change.id}`;
      const all = versionsBefore(history, event, { key, seq });
      for (const [field, value] of Object.entries(change.set ?? {})) {
        const last = lastChange(all, field);
        if (counterFields.has(field) || !last || last.version.seq <= (change.base ?? 0)) continue;
        const foreign = devices.get(last.version.writer) !== history.made.get(made.id)?.device;
        if (foreign && last.value !== JSON.stringify(sorted(value))) return `${field} of ${key}`;
      }
    }
    return undefined;
  };
  const checkMerges = (scope: string, writes: Committed['writes']): void => {
    for (const { verdict } of writes.mutations) {
      const id = verdict.mutation;
      const merges = verdict.merged ?? [];
      const before = history.scope(scope).verdicts.get(id);
      if (verdict.verdict === 'merged' && merges.length === 0 && before?.verdict !== 'conflict')
        fail(invariant, `${scope}: ${id} is merged, and nothing says how.`);
      for (const { conflict } of merges) {
        const kept = recorded.get(`${scope} ${conflict}`);
        // A person's own changes are in no device's side.
        const holds = history.made.has(id) ? kept?.mutations.includes(id) === true : kept !== undefined;
        if (!holds || kept?.changes === 0)
          fail(
            invariant,
            `${scope}: ${id} was merged, and conflict ${conflict} does not hold the device's side.`,
          );
      }
    }
  };
  return {
    invariant,
    committed(event) {
      const { scope, writes } = event;
      for (const { replica, device } of writes.replicas) devices.set(replica, device);
      for (const { id, mutations, changes, base, server } of writes.conflicts) {
        recorded.set(`${scope} ${id}`, { mutations, changes: changes.length });
        if (typeof base !== 'object' || base === null || server === undefined)
          fail(invariant, `${scope}: conflict ${id} is kept without base or server's side.`);
      }
      checkMerges(scope, writes);
      for (const { verdict } of writes.mutations) {
        const id = verdict.mutation;
        const made = history.made.get(id)?.mutation;
        const asked = history.scope(scope).verdicts.get(id)?.verdict === 'conflict';
        if (!made || asked || verdict.verdict !== 'applied' || verdict.seq === undefined) continue;
        const field = overwritten(event, made, verdict.seq);
        if (field !== undefined)
          fail(invariant, `${scope}: ${id} was applied over another device's ${field}, and nobody was told.`);
      }
    },
  };
};

/** The versions of a record before a seq, those of the same commit included. */
function versionsBefore(
  history: History,
  { scope, writes }: Committed,
  { key, seq }: { key: string; seq: number },
): Version[] {
  const known = (history.scope(scope).versions.get(key) ?? []).filter((version) => version.seq < seq);
  const seen = new Set(known.map((version) => version.seq));
  const fresh = [...writes.history.map(({ record }) => record), ...writes.records]
    .filter((it) => `${it.collection}/${it.id}` === key && it.seq < seq && !seen.has(it.seq))
    .sort((a, b) => a.seq - b.seq);
  return [...known, ...fresh.map((it) => ({ ...it, mutation: '' }))];
}

/** The last version that gave a field another value, while the record lived; undefined also when it was deleted since. */
function lastChange(
  versions: readonly Version[],
  field: string,
): { version: Version; value: string | undefined } | undefined {
  let last: { version: Version; value: string | undefined } | undefined;
  let before: string | undefined;
  for (const version of versions) {
    if (version.body === null) {
      last = undefined;
      before = undefined;
      continue;
    }
    const value = JSON.stringify(sorted(JSON.parse(version.body)[field]));
    if (value !== before) last = { version, value };
    before = value;
  }
  return last;
}
