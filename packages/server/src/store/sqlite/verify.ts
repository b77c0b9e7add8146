// Examines a backup, or any database that no process has open, without changing it.

import type { Commit, JsonObject, Sha256 } from '@holdfast/core';
import { canonicalJson } from '@holdfast/core';
import { StoreError } from '../port.ts';
import { scopeColumns } from './columns.ts';
import { Connection } from './connection.ts';
import { requireFilled } from './migrate.ts';

export interface VerifiedBackup {
  scopes: number;
  records: number;
  commits: number;
  /** Scope → its last seq. */
  heads: ReadonlyMap<string, number>;
  /** What is wrong, in sentences without record contents; empty when the backup is whole. */
  problems: readonly string[];
}

/** Problems beyond these are not listed: the first ones tell what happened. */
const problemsMax = 100;

/**
 * Throws a StoreError when the file is no database of this version or an earlier one. Else reads all of it: the pages and indexes of the
 * file, each scope's chain of commits against its hashes, each record against its hash, and the counts against the scope's.
 */
export function verifyBackup({ file, sha256 }: { file: string; sha256: Sha256 }): VerifiedBackup {
  const connection = new Connection({ file, readOnly: true, busyMsMax: 2_000 });
  try {
    requireFilled(connection);
    const problems: string[] = [];
    const note = (problem: string): void => {
      if (problems.length < problemsMax) problems.push(problem);
    };
    const check: Check = { connection, scopes: readScopes(connection), sha256, note };
    readable(check, checkPages);
    const commits = readable(check, checkCommits);
    const records = readable(check, checkRecords);
    const { scopes } = check;
    return {
      scopes: scopes.size,
      records,
      commits,
      heads: new Map([...scopes].map(([scope, { head }]) => [scope, head])),
      problems,
    };
  } finally {
    connection.close();
  }
}

interface Check {
  connection: Connection;
  scopes: ReadonlyMap<string, ScopeEnds>;
  sha256: Sha256;
  note: (problem: string) => void;
}

interface ScopeEnds {
  head: number;
  stamp: number;
  recordNumber: number;
  commitHash: string;
}

/** A damaged page is a finding like any other; what lies behind it is not counted. */
function readable(given: Check, check: (given: Check) => number): number {
  try {
    return check(given);
  } catch (error) {
    if (!(error instanceof StoreError && error.code === 'corrupt')) throw error;
    given.note('The file is damaged and cannot be read to its end.');
    return 0;
  }
}

/** SQLite's own examination of its pages and indexes. */
function checkPages({ connection, note }: Check): number {
  const lines = connection.all<{ integrity_check: string }>(`PRAGMA integrity_check(${problemsMax})`);
  for (const { integrity_check: line } of lines) if (line !== 'ok') note(line);
  return 0;
}

function readScopes(connection: Connection): Map<string, ScopeEnds> {
  const rows = connection.all<ScopeEnds & { scope: string }>(
    `SELECT t.scope, ${scopeColumns} FROM hf_scopes AS t`,
  );
  return new Map(rows.map(({ scope, ...ends }) => [scope, ends]));
}

/** Recomputes the chain: each commit names the hash of the one before it, and the scope that of the last. */
function checkCommits({ connection, scopes, sha256, note }: Check): number {
  const ends = new Map<string, { seq: number; stamp: number; hash: string }>();
  let count = 0;
  const rows = connection.iterate<Commit & { scope: string }>(
    `SELECT t.scope, t.seq, t.at, t.stamp, t.mutation, t.mutation_hash AS mutationHash, t.previous, t.device, t.replica, t.actor
     FROM hf_commits AS t ORDER BY t.scope, t.seq`,
  );
  for (const { scope, ...commit } of rows) {
    count += 1;
    const before = ends.get(scope) ?? { seq: 0, stamp: 0, hash: '' };
    const where = `commit ${commit.seq} of scope ${scope}`;
    if (commit.seq !== before.seq + 1) note(`Before ${where}, commits are missing.`);
    else if (commit.previous !== before.hash) note(`The ${where} does not continue the one before it.`);
    if (commit.stamp <= before.stamp) note(`The stamp of ${where} does not rise.`);
    ends.set(scope, { seq: commit.seq, stamp: commit.stamp, hash: sha256(canonicalJson({ ...commit })) });
  }
  for (const [scope, { head, commitHash }] of scopes) {
    const end = ends.get(scope) ?? { seq: 0, hash: '' };
    if (end.seq !== head) note(`Scope ${scope} has head ${head}, and its last commit is ${end.seq}.`);
    else if (end.hash !== commitHash)
      note(`The last commit of scope ${scope} is not the one that the scope names.`);
  }
  for (const scope of ends.keys()) if (!scopes.has(scope)) note(`Commits name the unknown scope ${scope}.`);
  return count;
}

function checkRecords({ connection, scopes, sha256, note }: Check): number {
  const counts = new Map<string, number>();
  let count = 0;
  const rows = connection.iterate<{
    scope: string;
    number: number;
    seq: number;
    stamp: number;
    body: string | null;
    bodyHash: string;
  }>(`SELECT t.scope, t.number, t.seq, t.stamp, t.body, t.body_hash AS bodyHash FROM hf_records AS t`);
  for (const { scope, number, seq, stamp, body, bodyHash } of rows) {
    count += 1;
    counts.set(scope, (counts.get(scope) ?? 0) + 1);
    const ends = scopes.get(scope);
    const where = `record ${number} of scope ${scope}`;
    if (!ends || seq > ends.head || stamp > ends.stamp) note(`The ${where} is newer than its scope.`);
    if (bodyHash !== hashOf(body, sha256)) note(`The body of ${where} does not match its hash.`);
  }
  for (const [scope, { recordNumber }] of scopes) {
    const found = counts.get(scope) ?? 0;
    if (found !== recordNumber)
      note(`Scope ${scope} has ${found} records and tombstones, not ${recordNumber}.`);
  }
  return count;
}

function hashOf(body: string | null, sha256: Sha256): string {
  return body === null ? '' : sha256(canonicalJson(JSON.parse(body) as JsonObject));
}
