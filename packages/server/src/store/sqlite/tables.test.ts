// Databases out there were made by these very texts: one that is changed later would leave two kinds of databases under one number.

import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { series, write } from '../writes.fixture.ts';
import { createTestFolder } from './sqlite.fixture.ts';
import { migrations } from './tables.ts';
import { verifyBackup } from './verify.ts';

test('a migration is never changed: a change of the tables is a new one, whose hash is added here', () => {
  const hashes = migrations.map((text) => createHash('sha256').update(text).digest('hex').slice(0, 16));
  expect(hashes).toEqual([
    '438df83b4537808c',
    '0ab431a0120cf06e',
    '0de9ec1364323c40',
    '4f399c0c49fc384e',
    '8ac56352de030f78',
    'db92f7613800d1c7',
    '7fa411f7c452ffac',
    '90916e4a4b13ce6f',
    '70d62b9aa9102997',
    '5db4ef8ec7bb9725',
    '0fa3d9f8ade5dc3c',
    'e18c52fdf1de70ca',
  ]);
});

/** Takes back what the later migrations did. */
const later = `
  DROP INDEX hf_conflicts_record;
  DROP TABLE hf_users;
  DROP TABLE hf_signing_keys;
  DROP TABLE hf_device_notes;
  DROP TABLE hf_copies;
  DROP TABLE hf_sync_log;
  DROP TABLE hf_sync_counts;
  ALTER TABLE hf_devices DROP COLUMN role;
  ALTER TABLE hf_devices DROP COLUMN address;
  ALTER TABLE hf_replicas DROP COLUMN waited;
  ALTER TABLE hf_replicas DROP COLUMN renewed;
  DROP INDEX hf_conflicts_device;
  DROP INDEX hf_quarantine_scope;
  DROP INDEX hf_quarantine_device;
  ALTER TABLE hf_quarantine DROP COLUMN settled_at;
  CREATE INDEX hf_quarantine_scope ON hf_quarantine (scope);
  CREATE INDEX hf_quarantine_device ON hf_quarantine (device);
  DROP INDEX hf_quarantine_payload;
  CREATE INDEX hf_quarantine_payload ON hf_quarantine (device) WHERE payload IS NOT NULL;
`;

test('a database of the first tables is a backup that can be restored, and is brought up to date with all that it holds', async () => {
  const folder = createTestFolder();
  const tables = (change?: string) => {
    const database = new DatabaseSync(folder.file);
    if (change) database.exec(change);
    const rows = database
      .prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'hf_%' ORDER BY name")
      .all();
    database.close();
    return rows.map(({ name }) => name);
  };
  try {
    const first = await folder.open(1);
    await write(first, series(1, 3));
    await first.close();
    const now = tables();
    const made = [...(migrations[1] ?? '').matchAll(/CREATE INDEX (\w+)/g)].map(
      ([, name]) => `DROP INDEX ${name};`,
    );
    const then = tables(`${later}${made.join('')} UPDATE hf_meta SET value = '1' WHERE key = 'tables'`);
    expect(then).toHaveLength(now.length - made.length - 11);
    const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
    expect(verifyBackup({ file: folder.file, sha256 })).toMatchObject({ commits: 3, records: 3 });
    const second = await folder.open(2);
    expect((await second.read((snapshot) => snapshot.counts())).commits).toBe(3);
    expect(
      await second.commit((transaction) => transaction.refusals([{ scope: 'shop', device: 'd' }])),
    ).toEqual([{ mutations: 0, replicas: 0 }]);
    await second.close();
    expect(tables()).toEqual(now);
  } finally {
    folder.remove();
  }
});
