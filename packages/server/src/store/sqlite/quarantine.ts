// What people look through: the quarantine, and the audit log.

import type { PlacedAuditEntry, QuarantineQuery, QuarantineRow } from '../port.ts';
import { quarantineColumns, quarantineOf } from './columns.ts';
import type { Connection } from './connection.ts';

export function readQuarantine(
  connection: Connection,
  { scope, device, after = 0, max }: QuarantineQuery,
): readonly QuarantineRow[] {
  const rows = connection.all<Parameters<typeof quarantineOf>[0]>(
    `SELECT ${quarantineColumns} FROM hf_quarantine AS t WHERE t.place > ?1 AND t.settled_at IS NULL
     ${scope === undefined ? '' : 'AND t.scope = ?2'} ${device === undefined ? '' : 'AND t.device = ?3'}
     ORDER BY t.place LIMIT ?4`,
    after,
    scope ?? null,
    device ?? null,
    max,
  );
  return rows.map(quarantineOf);
}

/** Newest first. */
export function readAudit(
  connection: Connection,
  { before, max }: { before?: number; max: number },
): readonly PlacedAuditEntry[] {
  return connection.all(
    `SELECT t.place, t.at, t.actor, t.action, t.subject FROM hf_audit AS t WHERE t.place < ?
     ORDER BY t.place DESC LIMIT ?`,
    before ?? Number.MAX_SAFE_INTEGER,
    max,
  );
}
