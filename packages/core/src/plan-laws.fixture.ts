// What holds of a scope after every commit, whatever was pushed, resolved or given up:
//
// 1. Commits are 1, 2, 3 … up to the head; each names the hash of the one before, and the scope the hash of the last.
// 2. One mutation, one seq: each commit is of another mutation, whose verdict names that seq.
// 3. Every version of a record is there, in force or in history; (seq, ordinal) order is stamp order, and stamps are unique.
// 4. Records have numbers 1, 2, 3 … without gap, hashes of their bodies, and as many edits as versions at least.
// 5. The verdict log of a replica is 1, 2, 3 … without gap; a mutation's latest verdict is the last that each log has of it.
// 6. Held are those whose verdict is `waiting` or `conflict`, no others; the counts of held and waiting are true.
// 7. Nothing waits for what is there, or for a mutation that has its final verdict.
// 8. Conflicts have numbers 1, 2, 3 …; the count of open ones is true; a record and replica have one open conflict at most.
// 9. A value of a unique field has exactly one owner as long as a live record holds it; holders are those records, no others.
// 10. A verdict `merged` or `excepted` names conflicts that are logged; a rejected mutation lies in the quarantine.

import { canonicalJson } from './canonical.ts';
import { recordKey } from './change.ts';
import type { Schema } from './schema.ts';
import { holderKey, type Stored, sha256 } from './scope-store.fixture.ts';
import { bodyOf, commitHash, type StoredRecord } from './stored.ts';
import { uniqueValue } from './unique.ts';
import { isFinal } from './verdict.ts';

export function assertLaws(scope: Scope): void {
  for (const law of [commits, oneSeq, versions, records, logs, held, waits, conflicts, owners, names]) {
    const broken = law(scope);
    if (broken !== undefined) throw new Error(`Law broken (${law.name}): ${broken}`);
  }
}

export interface Scope {
  stored: Stored;
  schema: Schema;
}

type Broken = string | undefined;

function commits({ stored }: Scope): Broken {
  const { state } = stored;
  let previous = '';
  for (const [place, commit] of stored.commits.entries()) {
    if (commit.seq !== place + 1) return `commit ${place + 1} has seq ${commit.seq}`;
    if (commit.previous !== previous) return `commit ${commit.seq} does not name the one before it`;
    previous = commitHash(commit, sha256);
  }
  if (state.head !== stored.commits.length) return `the head is ${state.head}`;
  return state.commitHash === previous ? undefined : 'the scope does not name the last commit';
}

function oneSeq({ stored }: Scope): Broken {
  const bySeq = new Map(stored.commits.map((commit) => [commit.mutation, commit.seq]));
  if (bySeq.size !== stored.commits.length) return 'two commits of one mutation';
  for (const { id, verdict } of stored.mutations.values()) {
    if (verdict.seq !== bySeq.get(id)) return `${id} has seq ${verdict.seq}, its commit ${bySeq.get(id)}`;
    if (verdict.asOf < (verdict.seq ?? 0) || verdict.asOf > stored.state.head)
      return `${id} is as of ${verdict.asOf}`;
  }
  return undefined;
}

function allVersions({ stored }: Scope): StoredRecord[] {
  const all = [...stored.records.values(), ...stored.purged, ...stored.history.map(({ record }) => record)];
  return all.sort((a, b) => a.seq - b.seq || a.ordinal - b.ordinal);
}

function versions(scope: Scope): Broken {
  let last = { seq: 0, ordinal: -1, stamp: 0 };
  const lastStamp = new Map<number, number>();
  for (const version of allVersions(scope)) {
    const next = version.seq === last.seq ? last.ordinal + 1 : 0;
    if (version.seq !== last.seq && version.seq !== last.seq + 1) return `no record of seq ${last.seq + 1}`;
    if (version.ordinal !== next)
      return `seq ${version.seq} has ordinal ${version.ordinal} instead of ${next}`;
    if (version.stamp <= last.stamp) return `stamp ${version.stamp} does not rise`;
    last = version;
    lastStamp.set(version.seq, version.stamp);
  }
  const wrong = scope.stored.commits.find((commit) => commit.stamp !== lastStamp.get(commit.seq));
  if (wrong) return `commit ${wrong.seq} has stamp ${wrong.stamp}`;
  return last.stamp === scope.stored.state.stamp
    ? undefined
    : `the scope’s stamp is ${scope.stored.state.stamp}`;
}

function records(scope: Scope): Broken {
  const numbers = [...scope.stored.records.values()].map(({ number }) => number).sort((a, b) => a - b);
  if (numbers.some((number, place) => number !== place + 1)) return `numbers ${numbers.join()}`;
  if (scope.stored.state.recordNumber !== numbers.length) return 'the last number';
  const counts = new Map<string, number>();
  for (const version of allVersions(scope)) {
    const key = recordKey(version.collection, version.id);
    counts.set(key, (counts.get(key) ?? 0) + 1);
    const body = bodyOf(version);
    const hash = body === null ? '' : sha256(canonicalJson(body));
    if (version.bodyHash !== hash) return `${key}@${version.seq} has another body hash`;
    if (version.edits < (counts.get(key) ?? 0)) return `${key}@${version.seq} counts ${version.edits} edits`;
  }
  return undefined;
}

function logs({ stored }: Scope): Broken {
  for (const [replica, log] of stored.verdicts) {
    const gap = log.findIndex(({ n }, place) => n !== place + 1);
    if (gap >= 0) return `the log of ${replica} has no ${gap + 1}`;
    if (stored.replicas.get(replica)?.verdicts !== log.length)
      return `${replica} counts its verdicts wrongly`;
  }
  for (const { id, verdict, logged } of stored.mutations.values()) {
    for (const [replica, n] of Object.entries(logged)) {
      const log = stored.verdicts.get(replica);
      // What came without the right to write is remembered for its replica alone; the same id may be judged later.
      const own = id === verdict.mutation;
      const last = log?.findLast((entry) => (own ? entry.verdict.mutation === id : entry.n === n));
      if (last?.n !== n) return `${id} is at ${last?.n} in the log of ${replica}, not at ${n}`;
      if (canonicalJson(last.verdict as never) !== canonicalJson(verdict as never))
        return `${replica} knows another verdict of ${id}`;
    }
  }
  return undefined;
}

function held({ stored }: Scope): Broken {
  const expected = [...stored.mutations.values()]
    .filter(({ verdict }) => !isFinal(verdict.verdict))
    .map(({ id }) => id);
  if (expected.sort().join() !== [...stored.held.keys()].sort().join())
    return `held: ${[...stored.held.keys()].join()}`;
  if (stored.state.held !== stored.held.size) return `the scope counts ${stored.state.held}`;
  for (const { replica, waiting } of stored.replicas.values()) {
    const all = [...stored.held.values()].filter(
      (one) => one.waitsFor.length > 0 && one.replicas.includes(replica),
    );
    if (all.length !== waiting) return `${replica} counts ${waiting} waiting instead of ${all.length}`;
  }
  for (const { mutation, waitsFor, conflicts: ids } of stored.held.values()) {
    const name = stored.mutations.get(mutation.id)?.verdict.verdict;
    if ((name === 'waiting') !== waitsFor.length > 0) return `${mutation.id} is ${name}`;
    if ((name === 'conflict') !== ids.length > 0) return `${mutation.id} is ${name}`;
  }
  return undefined;
}

function waits({ stored }: Scope): Broken {
  for (const { mutation, waitsFor, conflicts: ids } of stored.held.values()) {
    for (const key of waitsFor) {
      if (stored.records.get(key)?.body) return `${mutation.id} waits for ${key}, which is there`;
      const other = /^mutation:(.*)$/.exec(key)?.[1];
      if (other !== undefined && !stored.held.has(other))
        return `${mutation.id} waits behind ${other}, which is not held`;
    }
    const open = ids.filter((id) => stored.conflicts.get(id)?.state === 'open');
    if (ids.length > 0 && open.length === 0) return `${mutation.id} is held by settled conflicts alone`;
  }
  return undefined;
}

function conflicts({ stored }: Scope): Broken {
  const numbers = [...stored.conflicts.keys()].sort((a, b) => a - b);
  if (numbers.some((number, place) => number !== place + 1)) return `numbers ${numbers.join()}`;
  if (stored.state.conflictNumber !== numbers.length) return 'the last number';
  const open = [...stored.conflicts.values()].filter(({ state }) => state === 'open');
  if (stored.state.conflictsOpen !== open.length)
    return `the scope counts ${stored.state.conflictsOpen} of ${open.length} open`;
  const owners = open.map(({ collection, record, writer }) => `${collection}/${record} by ${writer}`);
  if (new Set(owners).size !== owners.length) return `two open conflicts of one: ${owners.join()}`;
  const undecided = [...stored.conflicts.values()].find(
    ({ state, settlement }) => (state === 'open') !== (settlement === null),
  );
  return undecided && `conflict ${undecided.id} is ${undecided.state}`;
}

function owners({ stored, schema }: Scope): Broken {
  const expected = new Set<string>();
  const held = new Map<string, number>();
  for (const record of stored.records.values()) {
    for (const fields of schema.collections.get(record.collection)?.unique ?? []) {
      const value = uniqueValue(bodyOf(record), fields, sha256);
      if (value === undefined) continue;
      const holder = {
        collection: record.collection,
        group: fields.join(','),
        value,
        id: record.id,
        claimed: false,
        since: 0,
      };
      expected.add(holderKey(holder));
      held.set(`${holder.collection} ${holder.group} ${value}`, 0);
    }
  }
  for (const [key, { collection, group, value, claimed }] of stored.unique) {
    if (!expected.delete(key)) return `${key} is held by nobody`;
    const name = `${collection} ${group} ${value}`;
    held.set(name, (held.get(name) ?? 0) + Number(claimed));
  }
  if (expected.size > 0) return `no holder ${[...expected].join()}`;
  const wrong = [...held].find(([, count]) => count !== 1);
  return wrong && `${wrong[0]} has ${wrong[1]} owners`;
}

function names({ stored }: Scope): Broken {
  for (const { id, verdict } of stored.mutations.values()) {
    const ids = [
      ...(verdict.merged ?? []).map(({ conflict }) => conflict),
      ...(verdict.exceptions ?? []).flatMap(({ conflict }) => conflict ?? []),
      ...(verdict.conflicts ?? []),
    ];
    if (ids.some((conflict) => !stored.conflicts.has(conflict))) return `${id} names an unknown conflict`;
    if (verdict.verdict === 'merged' && (verdict.merged ?? []).length === 0) return `${id} names no conflict`;
    if (verdict.verdict === 'excepted' && (verdict.exceptions ?? []).length === 0)
      return `${id} names no reason`;
    const kept = stored.quarantine.some((entry) => entry.mutation === verdict.mutation);
    const refused = [...stored.mutations.values()].some(
      (other) => other.verdict.mutation === verdict.mutation && other.verdict.verdict === 'rejected',
    );
    if (kept !== refused) return `${id} is ${verdict.verdict}; in the quarantine: ${kept}`;
  }
  return undefined;
}
