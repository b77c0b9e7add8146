// How much there is, for the operator.

import { compareText } from '@holdfast/core';
import type { Behind, ConflictTally, StoreCounts, Tally, Unclaimed, UnreadTally } from '../port.ts';
import { parsed } from './columns.ts';
import type { Connection } from './connection.ts';

export function readCounts(connection: Connection): StoreCounts {
  const collections = connection.all<StoreCounts['collections'][number]>(
    `SELECT t.collection, t.records, t.tombstones FROM hf_counts AS t
     WHERE t.records > 0 OR t.tombstones > 0 ORDER BY t.collection`,
  );
  const row = connection.get<Omit<StoreCounts, 'collections'>>(
    `SELECT (SELECT count(*) FROM hf_scopes) AS scopes,
       (SELECT n FROM hf_mutation_count) AS mutations,
       (SELECT coalesce(sum(conflicts_open), 0) FROM hf_scopes) AS conflictsOpen,
       (SELECT coalesce(sum(conflict_number), 0) FROM hf_scopes) AS conflicts,
       (SELECT count(*) FROM hf_quarantine WHERE settled_at IS NULL) AS quarantine,
       (SELECT count(*) FROM hf_held) AS held,
       (SELECT count(*) FROM hf_devices) AS devices,
       (SELECT coalesce(sum(head), 0) FROM hf_scopes) AS commits,
       (SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()) AS bytes`,
  );
  if (!row) throw new Error('A query without a condition gave no row.');
  return { ...row, collections };
}

/** Reads the index of those rows alone, and no more than `max` of them. */
export function readUnclaimed(connection: Connection, max: number): Unclaimed[] {
  return connection.all<Unclaimed>(
    `SELECT collection, grp AS "group", count(*) AS records FROM (
       SELECT t.collection, t.grp FROM hf_unique AS t INDEXED BY hf_unique_unclaimed WHERE t.claimed = 0
       ORDER BY t.collection, t.grp LIMIT ?)
     GROUP BY collection, grp ORDER BY collection, grp`,
    max,
  );
}

/** Where there is one scope, the counts that are kept are its own; else its records are counted one by one. */
export function readTally(connection: Connection, scope: string): Tally[] {
  const others = connection.get(
    'SELECT 1 FROM hf_scopes WHERE scope < ?1 UNION ALL SELECT 1 FROM hf_scopes WHERE scope > ?1 LIMIT 1',
    scope,
  );
  const records = connection.all<Omit<Tally, 'quarantined'>>(
    `SELECT c.collection, ${others ? ownCount : 'c.records'} AS records FROM hf_counts AS c
     WHERE EXISTS (SELECT 1 FROM hf_scopes WHERE scope = ?1)`,
    scope,
  );
  const quarantined = connection.all<Omit<Tally, 'records'>>(
    `SELECT t.payload ->> '$.changes[0].collection' AS collection, count(*) AS quarantined FROM hf_quarantine AS t
     WHERE t.scope = ?1 AND t.settled_at IS NULL AND collection IS NOT NULL GROUP BY collection`,
    scope,
  );
  const tally = new Map(records.map((row) => [row.collection, { ...row, quarantined: 0 }]));
  for (const row of quarantined)
    tally.set(row.collection, { records: 0, ...tally.get(row.collection), ...row });
  return [...tally.values()]
    .filter((row) => row.records > 0 || row.quarantined > 0)
    .sort((a, b) => compareText(a.collection, b.collection));
}

const ownCount =
  '(SELECT count(t.body) FROM hf_records AS t WHERE t.scope = ?1 AND t.collection = c.collection)';

/** Reads what has changed behind each stamp, and no more. */
export function readUnread(
  connection: Connection,
  { scope, writer }: { scope: string; writer: string },
  behind: readonly Behind[],
): UnreadTally[] {
  const rows = connection.all<{ counts: string }>(
    `SELECT (SELECT json_array(count(*), count(t.body)) FROM hf_records AS t INDEXED BY hf_records_collection
       WHERE t.scope = ?1 AND t.collection = k.value ->> 0 AND t.stamp > k.value ->> 1 AND t.writer <> ?2) AS counts
     FROM jsonb_each(?3) AS k ORDER BY k.key`,
    scope,
    writer,
    JSON.stringify(behind.map(({ collection, stamp }) => [collection, stamp])),
  );
  return rows.map(({ counts }) => {
    const [all, live] = parsed<[number, number]>(counts);
    return { all, live };
  });
}

export function readConflictTally(connection: Connection, scope: string, device: string): ConflictTally[] {
  return connection.all<ConflictTally>(
    `SELECT t.collection, count(*) AS "all", count(*) FILTER (WHERE t.state = 'open') AS open
     FROM hf_conflicts AS t INDEXED BY hf_conflicts_device WHERE t.scope = ? AND t.device = ?
     GROUP BY t.collection ORDER BY t.collection`,
    scope,
    device,
  );
}
