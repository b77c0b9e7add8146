// Users and the keys by which their tokens are signed.

import type { SigningKey, StoredUser, User, UserChange } from '../port.ts';
import { parsed } from './columns.ts';
import type { Connection } from './connection.ts';

const userColumns = `t.id, t.name, t.name_key AS nameKey, t.role, t.grants, t.key, t.created_at AS createdAt,
  t.password_at AS passwordAt`;

const signingKeyColumns = 't.kid, t.secret, t.created_at AS createdAt, t.retired_at AS retiredAt';

type UserRow = Omit<User, 'grants'> & { grants: string };

function userOf(row: UserRow): User {
  const { id, name, nameKey, role, grants, key, createdAt, passwordAt } = row;
  return { id, name, nameKey, role, grants: parsed(grants), key, createdAt, passwordAt };
}

export function readUsers(connection: Connection): readonly User[] {
  return connection.all<UserRow>(`SELECT ${userColumns} FROM hf_users AS t ORDER BY t.id`).map(userOf);
}

export function readUser(connection: Connection, nameKey: string): StoredUser | undefined {
  const row = connection.get<UserRow & { passwordHash: string }>(
    `SELECT ${userColumns}, t.password_hash AS passwordHash FROM hf_users AS t WHERE t.name_key = ?`,
    nameKey,
  );
  return row && { ...userOf(row), passwordHash: row.passwordHash };
}

/** Null: another has the name. */
export function addUser(connection: Connection, user: Omit<StoredUser, 'id'>): number | null {
  const row = connection.get<{ id: number }>(
    `INSERT INTO hf_users (name, name_key, role, grants, key, created_at, password_at, password_hash)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name_key) DO NOTHING RETURNING id`,
    user.name,
    user.nameKey,
    user.role,
    JSON.stringify(user.grants),
    user.key,
    user.createdAt,
    user.passwordAt,
    user.passwordHash,
  );
  return row?.id ?? null;
}

/** What the change does not name stays. False: there is no such user. */
export function changeUser(connection: Connection, nameKey: string, change: UserChange): boolean {
  const { role = null, grants, key = null, passwordAt = null, passwordHash = null } = change;
  const changed = connection.run(
    `UPDATE hf_users SET role = coalesce(?2, role), grants = coalesce(?3, grants), key = coalesce(?4, key),
       password_at = coalesce(?5, password_at), password_hash = coalesce(?6, password_hash)
     WHERE name_key = ?1`,
    nameKey,
    role,
    grants === undefined ? null : JSON.stringify(grants),
    key,
    passwordAt,
    passwordHash,
  );
  return changed > 0;
}

export function readSigningKeys(connection: Connection): readonly SigningKey[] {
  return connection.all(
    `SELECT ${signingKeyColumns} FROM hf_signing_keys AS t ORDER BY t.created_at DESC, t.kid`,
  );
}

export function readSigningKey(connection: Connection, kid: string): SigningKey | undefined {
  return connection.get(`SELECT ${signingKeyColumns} FROM hf_signing_keys AS t WHERE t.kid = ?`, kid);
}

/** The one that signed until now is retired when this one begins. */
export function addSigningKey(connection: Connection, key: SigningKey, endedBefore: number): void {
  connection.run('UPDATE hf_signing_keys SET retired_at = ? WHERE retired_at IS NULL', key.createdAt);
  connection.run('DELETE FROM hf_signing_keys WHERE retired_at <= ?', endedBefore);
  connection.run(
    'INSERT INTO hf_signing_keys (kid, secret, created_at, retired_at) VALUES (?, ?, ?, ?)',
    key.kid,
    key.secret,
    key.createdAt,
    key.retiredAt,
  );
}
