// Unique values: at each commit, no two live records of a scope have claimed the same value of a unique field, and none got its
// value through a request while another held it. Facts may hold it unclaimed; when the owner frees it, the earliest holder follows.
//
// A model of who holds what is folded from the versions alone and compared with the claims that the store was given to keep.

import type { StoredRecord } from '@holdfast/core';
import type { MakeChecker } from '../checker.ts';
import { contentOf, sorted } from '../history.ts';
import { factCollections, uniqueGroups } from '../schema.ts';

interface Holder {
  id: string;
  since: number;
  claimed: boolean;
}

interface Claims {
  /** `collection/group value` → its holders. */
  holders: Map<string, Map<string, Holder>>;
  /** `collection/group id` → the value that the record holds. */
  values: Map<string, string>;
  /** The store's word: `collection/group id` → whether it has claimed. */
  stored: Map<string, boolean>;
}

export const uniqueClaims: MakeChecker = ({ history, fail }) => {
  const invariant = 'unique values';
  const scopes = new Map<string, Claims>();
  const claimsOf = (scope: string): Claims => {
    const claims = scopes.get(scope) ?? { holders: new Map(), values: new Map(), stored: new Map() };
    scopes.set(scope, claims);
    return claims;
  };
  const isFact = (mutation: string, records: readonly StoredRecord[]): boolean =>
    [...records, ...(history.made.get(mutation)?.mutation.changes ?? [])].some(({ collection }) =>
      factCollections.has(collection),
    );
  const compare = (scope: string, { values, holders, stored }: Claims, name: string): void => {
    const value = values.get(name);
    const claimed = value === undefined ? undefined : holders.get(value)?.get(name)?.claimed;
    const said = stored.get(name);
    if (said !== claimed)
      fail(
        invariant,
        `${scope}: ${name} is kept as ${wordFor(said)} of ${value}, and is ${wordFor(claimed)}.`,
      );
  };
  return {
    invariant,
    committed({ scope, writes, fresh }) {
      const claims = claimsOf(scope);
      for (const { collection, group, id } of writes.unique.remove)
        claims.stored.delete(`${collection}/${group} ${id}`);
      for (const { collection, group, id, claimed } of writes.unique.put)
        claims.stored.set(`${collection}/${group} ${id}`, claimed);
      const touched = new Set<string>();
      const versions = Map.groupBy(fresh, ({ mutation }) => mutation);
      for (const { seq, mutation } of writes.commits) {
        const records = (versions.get(mutation) ?? []).map(({ record }) => record);
        const moves = records.flatMap((record) => movesOf(claims, record));
        for (const { name, from } of moves) free(claims, { name, from, touched });
        for (const { name, to } of moves) {
          const taken = take(claims, { name, to, seq, touched });
          if (taken && !isFact(mutation, records))
            fail(
              invariant,
              `${scope}: ${mutation}, a request, gave ${name} ${to}, which another record has.`,
            );
        }
      }
      for (const name of touched) compare(scope, claims, name);
    },
  };
};

interface Move {
  name: string;
  from: string | undefined;
  to: string | undefined;
}

function movesOf({ values }: Claims, { collection, id, body }: StoredRecord): Move[] {
  return (uniqueGroups.get(collection) ?? []).flatMap((fields) => {
    const group = `${collection}/${fields.join(',')}`;
    const name = `${group} ${id}`;
    const content = contentOf(body);
    const parts = fields.map((field) => content[field] ?? null);
    const to = parts.includes(null) ? undefined : `${group} ${JSON.stringify(sorted(parts))}`;
    const from = values.get(name);
    return from === to ? [] : [{ name, from, to }];
  });
}

function free(
  { holders, values }: Claims,
  { name, from, touched }: { name: string; from: string | undefined; touched: Set<string> },
): void {
  touched.add(name);
  if (from === undefined) return;
  values.delete(name);
  const all = holders.get(from) ?? new Map<string, Holder>();
  const had = all.get(name)?.claimed;
  all.delete(name);
  const [next] = [...all.values()].sort((a, b) => a.since - b.since || (a.id < b.id ? -1 : 1));
  if (!had || !next) return;
  next.claimed = true;
  touched.add(next.id);
}

/** Whether another record has claimed it. */
function take(
  { holders, values }: Claims,
  { name, to, seq, touched }: { name: string; to: string | undefined; seq: number; touched: Set<string> },
): boolean {
  if (to === undefined) return false;
  const all = holders.get(to) ?? new Map<string, Holder>();
  holders.set(to, all);
  const taken = [...all.values()].some(({ claimed }) => claimed);
  values.set(name, to);
  all.set(name, { id: name, since: seq, claimed: !taken });
  touched.add(name);
  return taken;
}

function wordFor(claimed: boolean | undefined): string {
  if (claimed === undefined) return 'no holder';
  return claimed ? 'the owner' : 'a mere holder';
}
