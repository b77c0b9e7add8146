// The first migration: the tables as they were first released. It is never changed; what came later stands in tables.ts.

export const firstTables = `
CREATE TABLE hf_meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE hf_scopes (
  scope TEXT NOT NULL PRIMARY KEY,
  head INTEGER NOT NULL,
  stamp INTEGER NOT NULL,
  record_number INTEGER NOT NULL,
  conflict_number INTEGER NOT NULL,
  conflicts_open INTEGER NOT NULL,
  held INTEGER NOT NULL,
  commit_hash TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE hf_lives (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, started_at INTEGER NOT NULL);
CREATE TABLE hf_lineage (
  scope TEXT NOT NULL,
  life INTEGER NOT NULL,
  first_seq INTEGER NOT NULL,
  PRIMARY KEY (scope, life)
) WITHOUT ROWID;

-- Bodies may be long, and a table without rowid keeps whole rows in the inner pages of its tree: hence a rowid here.
CREATE TABLE hf_records (
  scope TEXT NOT NULL,
  collection TEXT NOT NULL,
  id TEXT NOT NULL,
  number INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  stamp INTEGER NOT NULL,
  edits INTEGER NOT NULL,
  declared INTEGER NOT NULL,
  writer TEXT NOT NULL,
  made_at INTEGER NOT NULL,
  schema INTEGER NOT NULL,
  body TEXT,
  body_hash TEXT NOT NULL,
  touched TEXT NOT NULL,
  PRIMARY KEY (scope, collection, id)
);
CREATE UNIQUE INDEX hf_records_stamp ON hf_records (scope, stamp);
CREATE UNIQUE INDEX hf_records_number ON hf_records (scope, number);
CREATE INDEX hf_records_collection ON hf_records (scope, collection, stamp);

CREATE TABLE hf_history (
  scope TEXT NOT NULL,
  collection TEXT NOT NULL,
  id TEXT NOT NULL,
  number INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  stamp INTEGER NOT NULL,
  edits INTEGER NOT NULL,
  declared INTEGER NOT NULL,
  writer TEXT NOT NULL,
  made_at INTEGER NOT NULL,
  schema INTEGER NOT NULL,
  body TEXT,
  body_hash TEXT NOT NULL,
  touched TEXT NOT NULL,
  superseded_at INTEGER NOT NULL,
  PRIMARY KEY (scope, collection, id, seq)
);

CREATE TABLE hf_commits (
  scope TEXT NOT NULL,
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  first_stamp INTEGER NOT NULL,
  stamp INTEGER NOT NULL,
  mutation TEXT NOT NULL,
  mutation_hash TEXT NOT NULL,
  previous TEXT NOT NULL,
  device TEXT NOT NULL,
  replica TEXT NOT NULL,
  actor TEXT NOT NULL,
  PRIMARY KEY (scope, seq)
) WITHOUT ROWID;

-- Kept by triggers, so that they hold however rows come and go: counting the rows themselves would read all of them.
CREATE TABLE hf_counts (
  collection TEXT NOT NULL PRIMARY KEY,
  records INTEGER NOT NULL,
  tombstones INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TRIGGER hf_records_added AFTER INSERT ON hf_records BEGIN
  INSERT INTO hf_counts (collection, records, tombstones)
  VALUES (new.collection, new.body IS NOT NULL, new.body IS NULL)
  ON CONFLICT (collection) DO UPDATE SET
    records = records + excluded.records, tombstones = tombstones + excluded.tombstones;
END;
CREATE TRIGGER hf_records_changed AFTER UPDATE OF body ON hf_records
WHEN (old.body IS NULL) <> (new.body IS NULL) BEGIN
  UPDATE hf_counts SET
    records = records + (new.body IS NOT NULL) - (old.body IS NOT NULL),
    tombstones = tombstones + (new.body IS NULL) - (old.body IS NULL)
  WHERE collection = new.collection;
END;
CREATE TRIGGER hf_records_removed AFTER DELETE ON hf_records BEGIN
  UPDATE hf_counts SET
    records = records - (old.body IS NOT NULL), tombstones = tombstones - (old.body IS NULL)
  WHERE collection = old.collection;
END;

CREATE TABLE hf_replicas (
  scope TEXT NOT NULL,
  replica TEXT NOT NULL,
  device TEXT NOT NULL,
  repeated TEXT NOT NULL,
  batch INTEGER NOT NULL,
  verdicts INTEGER NOT NULL,
  verdicts_seen INTEGER NOT NULL,
  waiting INTEGER NOT NULL,
  public_key TEXT,
  PRIMARY KEY (scope, replica)
) WITHOUT ROWID;

CREATE TABLE hf_mutations (
  scope TEXT NOT NULL,
  id TEXT NOT NULL,
  hash TEXT NOT NULL,
  made_at INTEGER NOT NULL,
  verdict TEXT NOT NULL,
  logged TEXT NOT NULL,
  PRIMARY KEY (scope, id)
) WITHOUT ROWID;

CREATE TABLE hf_mutation_count (one INTEGER PRIMARY KEY CHECK (one = 1), n INTEGER NOT NULL);
INSERT INTO hf_mutation_count (one, n) VALUES (1, 0);
CREATE TRIGGER hf_mutations_added AFTER INSERT ON hf_mutations BEGIN
  UPDATE hf_mutation_count SET n = n + 1 WHERE one = 1;
END;
CREATE TRIGGER hf_mutations_removed AFTER DELETE ON hf_mutations BEGIN
  UPDATE hf_mutation_count SET n = n - 1 WHERE one = 1;
END;

CREATE TABLE hf_verdicts (
  scope TEXT NOT NULL,
  replica TEXT NOT NULL,
  n INTEGER NOT NULL,
  as_of INTEGER NOT NULL,
  verdict TEXT NOT NULL,
  PRIMARY KEY (scope, replica, n)
) WITHOUT ROWID;

CREATE TABLE hf_unique (
  scope TEXT NOT NULL,
  collection TEXT NOT NULL,
  grp TEXT NOT NULL,
  value TEXT NOT NULL,
  id TEXT NOT NULL,
  claimed INTEGER NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY (scope, collection, grp, value, id)
) WITHOUT ROWID;
-- The owner, then the holders in the order in which they claim next: reading the first few never touches the others.
CREATE INDEX hf_unique_order ON hf_unique (scope, collection, grp, value, claimed DESC, since, id);

CREATE TABLE hf_held (
  place INTEGER PRIMARY KEY,
  scope TEXT NOT NULL,
  mutation TEXT NOT NULL,
  at INTEGER NOT NULL,
  waiting INTEGER NOT NULL,
  content TEXT NOT NULL,
  UNIQUE (scope, mutation)
);
CREATE INDEX hf_held_waiting ON hf_held (at) WHERE waiting = 1;
-- What a held mutation waits for ('for') and who sent it ('by'): how a woken parent and a replica find theirs.
CREATE TABLE hf_waits (
  scope TEXT NOT NULL,
  mutation TEXT NOT NULL,
  side TEXT NOT NULL,
  key TEXT NOT NULL,
  PRIMARY KEY (scope, mutation, side, key)
) WITHOUT ROWID;
CREATE INDEX hf_waits_key ON hf_waits (scope, side, key, mutation);

CREATE TABLE hf_conflicts (
  scope TEXT NOT NULL,
  id INTEGER NOT NULL,
  collection TEXT NOT NULL,
  record TEXT NOT NULL,
  writer TEXT NOT NULL,
  device TEXT NOT NULL,
  at INTEGER NOT NULL,
  server_version INTEGER NOT NULL,
  policy TEXT NOT NULL,
  state TEXT NOT NULL,
  content TEXT NOT NULL,
  PRIMARY KEY (scope, id)
);
CREATE INDEX hf_conflicts_open ON hf_conflicts (scope, collection, record) WHERE state = 'open';
CREATE INDEX hf_conflicts_state ON hf_conflicts (scope, state, id);

-- The scope is null for what came without a right to any: malformed, or without a grant.
CREATE TABLE hf_quarantine (
  place INTEGER PRIMARY KEY AUTOINCREMENT,
  scope TEXT,
  device TEXT NOT NULL,
  replica TEXT NOT NULL,
  mutation TEXT NOT NULL,
  code TEXT NOT NULL,
  at INTEGER NOT NULL,
  hash TEXT NOT NULL,
  chars INTEGER NOT NULL,
  payload TEXT
);
CREATE INDEX hf_quarantine_scope ON hf_quarantine (scope);
CREATE INDEX hf_quarantine_device ON hf_quarantine (device);
CREATE INDEX hf_quarantine_payload ON hf_quarantine (device) WHERE payload IS NOT NULL;

CREATE TABLE hf_reads (
  scope TEXT NOT NULL,
  device TEXT NOT NULL,
  collection TEXT NOT NULL,
  sent INTEGER NOT NULL,
  confirmed INTEGER NOT NULL,
  PRIMARY KEY (scope, device, collection)
) WITHOUT ROWID;

CREATE TABLE hf_devices (
  device TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  key TEXT,
  created_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  revoked_at INTEGER
) WITHOUT ROWID;

CREATE TABLE hf_keys (
  key TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  device TEXT,
  secret_hash TEXT NOT NULL,
  grants TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER
) WITHOUT ROWID;
CREATE INDEX hf_keys_device ON hf_keys (device) WHERE device IS NOT NULL;

CREATE TABLE hf_enrolment_codes (
  code_hash TEXT NOT NULL PRIMARY KEY,
  device TEXT,
  name TEXT NOT NULL,
  grants TEXT NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE hf_audit (
  place INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL
);
`;
