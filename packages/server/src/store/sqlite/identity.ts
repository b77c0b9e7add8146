// Keys, devices and enrolment codes. Each call is one commit, and its audit entry is part of it.

import type { AuditEntry, Device, EnrolmentCode, IdentityStore, StoredCredential } from '../port.ts';
import { type EnrolmentCodeRow, enrolmentCodeOf } from './columns.ts';
import type { Connection } from './connection.ts';

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
    addEnrolmentCode: ({ codeHash, name, grants, expiresAt }, audit) =>
      commit((connection) => {
        connection.run(
          'INSERT INTO hf_enrolment_codes (code_hash, name, grants, expires_at) VALUES (?, ?, ?, ?)',
          codeHash,
          name,
          JSON.stringify(grants),
          expiresAt,
        );
        putAudit(connection, audit);
      }),
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
): EnrolmentCode | 'unknown' {
  connection.run('DELETE FROM hf_enrolment_codes WHERE expires_at <= ?', at);
  // A revoked device comes back under another id only: else a code meant for one device would revive any other.
  const isRevoked = connection.get(
    'SELECT 1 FROM hf_devices WHERE device = ? AND revoked_at IS NOT NULL',
    device.device,
  );
  if (isRevoked) return 'unknown';
  const row = connection.get<EnrolmentCodeRow>(
    `DELETE FROM hf_enrolment_codes WHERE code_hash = ?
     RETURNING code_hash AS codeHash, name, grants, expires_at AS expiresAt`,
    codeHash,
  );
  if (!row) return 'unknown';
  const code = enrolmentCodeOf(row);
  // It may enrol again when the answer that held its key was lost; that key ends here, so that it has one at a time.
  revokeKeysOf(connection, device.device, at);
  connection.run(
    `INSERT INTO hf_devices (device, name, key, created_at, seen_at, revoked_at) VALUES (?, ?, ?, ?, ?, NULL)
     ON CONFLICT (device) DO UPDATE SET name = excluded.name, key = excluded.key, seen_at = excluded.seen_at`,
    device.device,
    device.name,
    device.key,
    device.createdAt,
    device.seenAt,
  );
  putCredential(connection, { ...credential, grants: code.grants });
  putAudit(connection, { at, actor: device.device, action: 'device.enrol', subject: device.device });
  return code;
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

function putAudit(connection: Connection, { at, actor, action, subject }: AuditEntry): void {
  connection.run(
    'INSERT INTO hf_audit (at, actor, action, subject) VALUES (?, ?, ?, ?)',
    at,
    actor,
    action,
    subject,
  );
}
