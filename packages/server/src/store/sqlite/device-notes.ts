// What protocols keep of devices: one row for each name, the last that was said.

import type { DeviceNote, DeviceNoteQuery } from '../device-notes.ts';
import { parsed } from './columns.ts';
import type { Connection } from './connection.ts';
import { values } from './upserts.ts';

const key = '(protocol, scope, name, device)';

/** Of one name the newest `keptMax` stay in each scope. */
export function putDeviceNotes(connection: Connection, notes: readonly DeviceNote[], keptMax: number): void {
  const rows = (some: readonly DeviceNote[]) =>
    some.map((it) => [it.protocol, it.scope, it.name, it.device, it.at, JSON.stringify(it.value)]);
  connection.bulk(
    `DELETE FROM hf_device_notes WHERE ${key} IN (SELECT ${values(4)} FROM jsonb_each(?1))`,
    rows(notes.filter(({ value }) => value === null)),
  );
  const kept = rows(notes.filter(({ value }) => value !== null));
  connection.bulk(
    `INSERT INTO hf_device_notes (protocol, scope, name, device, at, value) SELECT ${values(6)} FROM jsonb_each(?1) WHERE true
     ON CONFLICT ${key} DO UPDATE SET at = excluded.at, value = excluded.value`,
    kept,
  );
  connection.bulk(
    `DELETE FROM hf_device_notes WHERE ${key} IN (
       SELECT protocol, scope, name, device FROM (
         SELECT t.protocol, t.scope, t.name, t.device,
           row_number() OVER (PARTITION BY t.protocol, t.scope, t.name ORDER BY t.at DESC, t.device) AS nth
         FROM (SELECT DISTINCT value ->> 0 AS protocol, value ->> 1 AS scope, value ->> 2 AS name FROM jsonb_each(?1)) AS g
         JOIN hf_device_notes AS t ON t.protocol = g.protocol AND t.scope = g.scope AND t.name = g.name
         WHERE (SELECT count(*) FROM hf_device_notes AS c
           WHERE c.protocol = g.protocol AND c.scope = g.scope AND c.name = g.name) > ?2)
       WHERE nth > ?2)`,
    kept,
    keptMax,
  );
}

export function readDeviceNotes(
  connection: Connection,
  { protocol, scope, device }: DeviceNoteQuery,
): DeviceNote[] {
  const rows = connection.all<Omit<DeviceNote, 'value'> & { value: string }>(
    `SELECT t.protocol, t.scope, t.device, t.name, t.at, t.value FROM hf_device_notes AS t
     WHERE t.protocol = ? AND t.scope = ? ${device === undefined ? '' : 'AND t.device = ?'}
     ORDER BY t.device, t.name`,
    protocol,
    scope,
    ...(device === undefined ? [] : [device]),
  );
  return rows.map(({ value, ...rest }) => ({ ...rest, value: parsed(value) }));
}
