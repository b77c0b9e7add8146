// Keys, devices, enrolment codes and users. Each call is one commit, and its audit entry is part of it.

import type {
  AuditEntry,
  Credential,
  Device,
  EnrolmentCode,
  IdentityStore,
  StoredCredential,
} from '../port.ts';
import {
  type CredentialRow,
  credentialColumns,
  credentialOf,
  deviceColumns,
  deviceOf,
  type EnrolmentCodeRow,
  enrolmentCodeOf,
  storedCredentialOf,
  userCredentialColumns,
} from './columns.ts';
import type { Connection } from './connection.ts';
import { addSigningKey, addUser, changeUser } from './users.ts';

/** Runs work as one commit of the store. */
type CommitAs = <Result>(work: (connection: Connection) => Result) => Promise<Result>;

export function createIdentityStore(commit: CommitAs): IdentityStore {
  return {
    addCredential: (credential, audit) =>
      commit((connection) => {
        putCredential(connection, credential);
        putAudit(connection, audit);
      }),
    revokeCredential: (key, at, audit) =>
      commit((connection) => {
        const revoked = connection.run(
          'UPDATE hf_keys SET revoked_at = ?2 WHERE key = ?1 AND revoked_at IS NULL',
          key,
          at,
        );
        if (revoked > 0) putAudit(connection, audit);
        return revoked > 0;
      }),
    revokeDevice: (device, at, audit) =>
      commit((connection) => {
        const revoked = connection.run(
          'UPDATE hf_devices SET revoked_at = ?2 WHERE device = ?1 AND revoked_at IS NULL',
          device,
          at,
        );
        if (revoked === 0) return false;
        revokeKeysOf(connection, device, at);
        putAudit(connection, audit);
        return true;
      }),
    addEnrolmentCode: ({ codeHash, device, name, grants, expiresAt }, audit) =>
      commit((connection) => {
        connection.run(
          'INSERT INTO hf_enrolment_codes (code_hash, device, name, grants, expires_at) VALUES (?, ?, ?, ?, ?)',
          codeHash,
          device,
          name,
          JSON.stringify(grants),
          expiresAt,
        );
        putAudit(connection, audit);
      }),
    addUser: (user, audit) =>
      commit((connection) => {
        const id = addUser(connection, user);
        if (id !== null) putAudit(connection, audit);
        return id;
      }),
    changeUser: (nameKey, change, audit) =>
      commit((connection) => {
        const changed = changeUser(connection, nameKey, change);
        if (changed) putAudit(connection, audit);
        return changed;
      }),
    removeUser: (nameKey, audit) =>
      commit((connection) => {
        const removed = connection.run('DELETE FROM hf_users WHERE name_key = ?', nameKey) > 0;
        if (removed) putAudit(connection, audit);
        return removed;
      }),
    addSigningKey: (key, endedBefore, audit) =>
      commit((connection) => {
        addSigningKey(connection, key, endedBefore);
        putAudit(connection, audit);
      }),
    addAudit: (audit) => commit((connection) => putAudit(connection, audit)),
    enrol: (codeHash, at, device, credential) =>
      commit((connection) => enrol(connection, { codeHash, at, device, credential })),
  };
}

interface Enrolment {
  codeHash: string;
  at: number;
  device: Device;
  credential: Omit<StoredCredential, 'grants'>;
}

function enrol(
  connection: Connection,
  { codeHash, at, device, credential }: Enrolment,
): EnrolmentCode | 'unknown' | 'otherDevice' {
  connection.run('DELETE FROM hf_enrolment_codes WHERE expires_at <= ?', at);
  const row = connection.get<EnrolmentCodeRow>(
    `SELECT code_hash AS codeHash, device, name, grants, expires_at AS expiresAt
     FROM hf_enrolment_codes WHERE code_hash = ?`,
    codeHash,
  );
  if (!row) return 'unknown';
  const code = enrolmentCodeOf(row);
  const mayUse = code.device === null ? isNew(connection, device.device) : code.device === device.device;
  if (!mayUse) return 'otherDevice';
  connection.run('DELETE FROM hf_enrolment_codes WHERE code_hash = ?', codeHash);
  // The key that it had may be in other hands, or lost with the answer that held it: a device has one key at a time.
  revokeKeysOf(connection, device.device, at);
  connection.run(
    `INSERT INTO hf_devices (device, name, role, address, key, created_at, seen_at, revoked_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, NULL)
     ON CONFLICT (device) DO UPDATE SET name = excluded.name, address = excluded.address, key = excluded.key,
       seen_at = excluded.seen_at, revoked_at = NULL`,
    device.device,
    device.name,
    device.role,
    device.address,
    device.key,
    device.createdAt,
    device.seenAt,
  );
  putCredential(connection, { ...credential, grants: code.grants });
  putAudit(connection, { at, actor: device.device, action: 'device.enrol', subject: device.device });
  return code;
}

/** No key was ever issued to it, and nobody revoked it. A device that only registered itself may still enrol. */
function isNew(connection: Connection, device: string): boolean {
  const known = connection.get(
    `SELECT 1 WHERE EXISTS (SELECT 1 FROM hf_keys WHERE device = ?1)
       OR EXISTS (SELECT 1 FROM hf_devices WHERE device = ?1 AND revoked_at IS NOT NULL)`,
    device,
  );
  return known === undefined;
}

function putCredential(connection: Connection, credential: StoredCredential): void {
  connection.run(
    `INSERT INTO hf_keys (key, name, device, secret_hash, grants, created_at, expires_at, revoked_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    credential.key,
    credential.name,
    credential.device,
    credential.secretHash,
    JSON.stringify(credential.grants),
    credential.createdAt,
    credential.expiresAt,
    credential.revokedAt,
  );
}

function revokeKeysOf(connection: Connection, device: string, at: number): void {
  connection.run('UPDATE hf_keys SET revoked_at = ?2 WHERE device = ?1 AND revoked_at IS NULL', device, at);
}

export function putAudit(connection: Connection, { at, actor, action, subject }: AuditEntry): void {
  connection.run(
    'INSERT INTO hf_audit (at, actor, action, subject) VALUES (?, ?, ?, ?)',
    at,
    actor,
    action,
    subject,
  );
}

export function readDevices(connection: Connection): readonly Device[] {
  return connection
    .all<Device>(`SELECT ${deviceColumns} FROM hf_devices AS t ORDER BY t.device`)
    .map(deviceOf);
}

export function readDevice(connection: Connection, device: string): Device | undefined {
  const row = connection.get<Device>(
    `SELECT ${deviceColumns} FROM hf_devices AS t WHERE t.device = ?`,
    device,
  );
  return row && deviceOf(row);
}

export function readCredentials(connection: Connection): readonly Credential[] {
  return connection
    .all<CredentialRow>(`SELECT ${credentialColumns} FROM hf_keys AS t ORDER BY t.created_at, t.key`)
    .map(credentialOf);
}

/** Of a key or of a user. */
export function readCredential(connection: Connection, key: string): StoredCredential | undefined {
  const row = connection.get<CredentialRow & { secretHash: string }>(
    `SELECT ${credentialColumns}, t.secret_hash AS secretHash FROM hf_keys AS t WHERE t.key = ?1
     UNION ALL SELECT ${userCredentialColumns}, '' AS secretHash FROM hf_users AS t WHERE t.key = ?1`,
    key,
  );
  return row && storedCredentialOf(row);
}
