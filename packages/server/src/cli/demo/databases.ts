// Reads the demo's databases as anybody can: each is an SQLite file with a view for each collection.

import { DatabaseSync } from 'node:sqlite';
import type { Verdict, VerdictName } from '@holdfast/core';
import type { Records } from './account.ts';
import { schema, scopeName } from './schema.ts';

export function readRecords(file: string): Records {
  return reading(file, (database) => {
    const records = new Map<string, Readonly<Record<string, unknown>>>();
    for (const name of schema.collections.keys())
      for (const row of database.prepare(`SELECT * FROM "${name}" WHERE scope = ?`).all(scopeName))
        records.set(`${name}/${row.id}`, { ...row });
    return records;
  });
}

export interface JudgedMutation {
  verdict: VerdictName;
  commits: number;
  /** Why a fact was flagged. */
  reasons: readonly string[];
}

/** The server's word on each mutation, and how many commits brought its effect. A person's answer brings that of what it was held for. */
export function readJudged(file: string): Map<string, JudgedMutation> {
  return reading(file, (database) => {
    const rows = database
      .prepare(
        `SELECT m.id, m.verdict, (SELECT count(*) FROM hf_commits AS c WHERE c.scope = m.scope
           AND (c.mutation = m.id OR c.seq = json_extract(m.verdict, '$.seq'))) AS commits
         FROM hf_mutations AS m WHERE m.scope = ?`,
      )
      .all(scopeName) as unknown as { id: string; verdict: string; commits: number }[];
    return new Map(
      rows.map(({ id, verdict: text, commits }) => {
        const { verdict, exceptions = [] } = JSON.parse(text) as Verdict;
        return [id, { verdict, commits, reasons: exceptions.map(({ message }) => message) }];
      }),
    );
  });
}

function reading<Result>(file: string, read: (database: DatabaseSync) => Result): Result {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return read(database);
  } finally {
    database.close();
  }
}
