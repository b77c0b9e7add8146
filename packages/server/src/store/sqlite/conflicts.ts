// Conflicts, as they are asked for.

import type { StoredConflict } from '@holdfast/core';
import type { ConflictQuery } from '../port.ts';
import { type ConflictRow, conflictColumns, conflictOf } from './columns.ts';
import type { Connection } from './connection.ts';

export function readConflicts(
  connection: Connection,
  scope: string,
  query: ConflictQuery,
): readonly StoredConflict[] {
  const { ids, state, device, record, newestFirst = false, after = 0, max } = query;
  const from = ids
    ? 'jsonb_each(?3) AS k CROSS JOIN hf_conflicts AS t ON t.scope = ?1 AND t.id = k.atom'
    : 'hf_conflicts AS t';
  const rows = connection.all<ConflictRow>(
    `SELECT ${conflictColumns} FROM ${from}
     WHERE t.scope = ?1 AND t.id > ?2 ${state ? `AND t.state = '${state}'` : ''}
       ${device === undefined ? '' : 'AND t.device = ?5'} ${record ? 'AND t.collection = ?6 AND t.record = ?7' : ''}
     ORDER BY t.id ${newestFirst ? 'DESC' : ''} LIMIT ?4`,
    scope,
    after,
    ids ? JSON.stringify(ids) : null,
    max,
    ...(device === undefined && !record ? [] : [device ?? null]),
    ...(record ? [record.collection, record.id] : []),
  );
  return rows.map(conflictOf);
}
