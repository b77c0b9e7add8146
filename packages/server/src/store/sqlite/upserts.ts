// The statements that write rows: each takes `jsonb_each(?1)`, whose values are arrays of a row's columns in the order
// key, fields.

const recordFields = [
  ...['number', 'seq', 'ordinal', 'stamp', 'edits', 'declared', 'writer', 'made_at', 'schema', 'body'],
  ...['body_hash', 'touched'],
];
export const scopesSql = upsert('hf_scopes', {
  key: ['scope'],
  fields: ['head', 'stamp', 'record_number', 'conflict_number', 'conflicts_open', 'held', 'commit_hash'],
  // A scope in which nothing was ever taken leaves nothing behind: a caller without a grant could name any.
  where: `value ->> 1 > 0 OR value ->> 4 > 0 OR value ->> 6 > 0
    OR EXISTS (SELECT 1 FROM hf_scopes AS t WHERE t.scope = value ->> 0)`,
});
export const recordsSql = upsert('hf_records', {
  key: ['scope', 'collection', 'id'],
  fields: recordFields,
  // Not set again, so that a change leaves the index over it alone.
  kept: ['number'],
});
export const historySql = upsert('hf_history', {
  key: ['scope', 'collection', 'id', 'seq'],
  fields: [...recordFields.filter((field) => field !== 'seq'), 'superseded_at'],
});
export const commitsSql = upsert('hf_commits', {
  key: ['scope', 'seq'],
  fields: [
    ...['at', 'first_stamp', 'stamp', 'mutation', 'mutation_hash', 'previous', 'device', 'replica', 'actor'],
  ],
});
export const replicasSql = upsert('hf_replicas', {
  key: ['scope', 'replica'],
  fields: ['device', 'repeated', 'waited', 'batch', 'verdicts', 'verdicts_seen', 'waiting', 'renewed'],
  // A replica belongs to one device for ever.
  kept: ['device'],
});
export const mutationsSql = upsert('hf_mutations', {
  key: ['scope', 'id'],
  fields: ['hash', 'made_at', 'verdict', 'logged'],
});
export const verdictsSql = upsert('hf_verdicts', {
  key: ['scope', 'replica', 'n'],
  fields: ['as_of', 'verdict'],
});
export const uniqueSql = upsert('hf_unique', {
  key: ['scope', 'collection', 'grp', 'value', 'id'],
  fields: ['claimed', 'since'],
});
export const heldSql = upsert('hf_held', {
  key: ['scope', 'mutation'],
  fields: ['at', 'waiting', 'content'],
});
export const waitsSql = upsert('hf_waits', { key: ['scope', 'mutation', 'side', 'key'], fields: [] });
export const conflictsSql = upsert('hf_conflicts', {
  key: ['scope', 'id'],
  fields: [
    ...['collection', 'record', 'writer', 'device', 'at', 'server_version', 'policy', 'state', 'content'],
  ],
});

export const copiesSql = upsert('hf_copies', {
  key: ['scope', 'collection', 'id', 'writer'],
  fields: ['seq', 'told', 'body'],
});

interface Upsert {
  key: readonly string[];
  fields: readonly string[];
  /** Fields that a row keeps as it was inserted with. */
  kept?: readonly string[];
  /** Which of the rows are written. */
  where?: string;
}

/** Inserts rows, or gives those that exist new values. */
function upsert(table: string, { key, fields, kept = [], where = 'true' }: Upsert): string {
  const columns = [...key, ...fields];
  const set = fields.filter((field) => !kept.includes(field)).map((field) => `${field} = excluded.${field}`);
  return `INSERT INTO ${table} (${columns.join(', ')}) SELECT ${values(columns.length)} FROM jsonb_each(?1) WHERE ${where}
    ON CONFLICT (${key.join(', ')}) DO ${set.length > 0 ? `UPDATE SET ${set.join(', ')}` : 'NOTHING'}`;
}

export function values(count: number): string {
  return Array.from({ length: count }, (_, at) => `value ->> ${at}`).join(', ');
}
