// The tables, as numbered migrations. A migration that was released is never changed; the next one is added below it.
// The scope comes first in every key. No statement of this program reads a body's inside except the views (views.ts) and
// the rebuilding of unique values (unique.ts).

import { firstTables } from './first-tables.ts';

/** Migration n, from 1, is at place n - 1. */
export const migrations: readonly string[] = [
  firstTables,
  `
CREATE INDEX hf_devices_key ON hf_devices (key) WHERE key IS NOT NULL;
CREATE INDEX hf_replicas_device ON hf_replicas (scope, device);
-- What one device sent without the right to write: counted before more is taken.
CREATE INDEX hf_quarantine_refused ON hf_quarantine (device) WHERE code = 'no_grant';
-- Records that hold a unique value which belongs to another.
CREATE INDEX hf_unique_unclaimed ON hf_unique (collection, grp) WHERE claimed = 0;
`,
  `
-- What was settled stays as a row without its payload: that it was refused is remembered.
ALTER TABLE hf_quarantine ADD COLUMN settled_at INTEGER;
DROP INDEX hf_quarantine_scope;
DROP INDEX hf_quarantine_device;
CREATE INDEX hf_quarantine_scope ON hf_quarantine (scope) WHERE settled_at IS NULL;
CREATE INDEX hf_quarantine_device ON hf_quarantine (device) WHERE settled_at IS NULL;
CREATE INDEX hf_conflicts_device ON hf_conflicts (scope, device, id);
`,
  `
-- The payloads that are kept of a device are counted, and their lengths added, from the index alone.
DROP INDEX hf_quarantine_payload;
CREATE INDEX hf_quarantine_payload ON hf_quarantine (device, chars) WHERE payload IS NOT NULL;
`,
  `
-- A replica that has taken another id is not served under the one before.
ALTER TABLE hf_replicas ADD COLUMN renewed INTEGER NOT NULL DEFAULT 0;
`,
  `
-- JSON: [{n, seq}] of commits whose mutations had waited for a parent.
ALTER TABLE hf_replicas ADD COLUMN waited TEXT NOT NULL DEFAULT '[]';
`,
  `
-- What a device says of itself where it registers by name, and the address that it came from.
ALTER TABLE hf_devices ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE hf_devices ADD COLUMN role TEXT NOT NULL DEFAULT '';
`,
  `
CREATE TABLE hf_sync_log (
  place INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  protocol TEXT NOT NULL,
  device TEXT NOT NULL,
  scope TEXT NOT NULL,
  kind TEXT NOT NULL,
  ok INTEGER NOT NULL,
  facts TEXT NOT NULL
);
CREATE INDEX hf_sync_log_protocol ON hf_sync_log (protocol);
-- Entries go when there are many; what was counted stays.
CREATE TABLE hf_sync_counts (
  protocol TEXT NOT NULL,
  kind TEXT NOT NULL,
  total INTEGER NOT NULL,
  ok INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  PRIMARY KEY (protocol, kind)
) WITHOUT ROWID;
`,
  `
-- What a writer that names no base has of a record: as it was at seq or, where a body stands here, as that says.
CREATE TABLE hf_copies (
  scope TEXT NOT NULL,
  writer TEXT NOT NULL,
  collection TEXT NOT NULL,
  id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  told INTEGER NOT NULL,
  body TEXT,
  PRIMARY KEY (scope, collection, id, writer)
) WITHOUT ROWID;
`,
  `
-- Users of this server. A name is compared in the form of name_key; of a user who was removed, neither id nor key comes back.
CREATE TABLE hf_users (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  name_key TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL,
  grants TEXT NOT NULL,
  key TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  password_at INTEGER NOT NULL,
  password_hash TEXT NOT NULL
);
CREATE TABLE hf_signing_keys (
  kid TEXT NOT NULL PRIMARY KEY,
  secret TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  retired_at INTEGER
) WITHOUT ROWID;
`,
  `
-- Of what a protocol knows of a device, the last word of each name.
CREATE TABLE hf_device_notes (
  protocol TEXT NOT NULL,
  scope TEXT NOT NULL,
  name TEXT NOT NULL,
  device TEXT NOT NULL,
  at INTEGER NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (protocol, scope, name, device)
) WITHOUT ROWID;
CREATE INDEX hf_device_notes_device ON hf_device_notes (protocol, scope, device);
`,
  `
-- The latest conflict about a record, and the syncs of one device.
CREATE INDEX hf_conflicts_record ON hf_conflicts (scope, collection, record, id);
CREATE INDEX hf_sync_log_device ON hf_sync_log (protocol, device);
`,
];
