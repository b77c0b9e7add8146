// Keys, devices and enrolment codes of the store in memory.

import type { IdentityStore } from 'holdfast/store';
import type { Database } from './database.ts';
import { usersOf } from './users.ts';

export function createIdentityStore(
  commit: <Result>(work: (database: Database) => Result) => Promise<Result>,
): IdentityStore {
  return {
    addCredential: (credential, audit) =>
      commit((database) => {
        if (database.credentials.has(credential.key)) throw new Error('There is such a key already.');
        database.credentials.set(credential.key, { ...credential });
        database.audit.push({ ...audit });
      }),
    revokeCredential: (key, at, audit) =>
      commit((database) => {
        const found = database.credentials.get(key);
        if (!found || found.revokedAt !== null) return false;
        database.credentials.set(key, { ...found, revokedAt: at });
        database.audit.push({ ...audit });
        return true;
      }),
    revokeDevice: (device, at, audit) =>
      commit((database) => {
        const found = database.devices.get(device);
        if (!found || found.revokedAt !== null) return false;
        database.devices.set(device, { ...found, revokedAt: at });
        revokeKeysOf(database, device, at);
        database.audit.push({ ...audit });
        return true;
      }),
    addEnrolmentCode: (code, audit) =>
      commit((database) => {
        database.codes.set(code.codeHash, { ...code });
        database.audit.push({ ...audit });
      }),
    ...usersOf(commit),
    addAudit: (audit) =>
      commit((database) => {
        database.audit.push({ ...audit });
      }),
    enrol: (codeHash, at, device, credential) =>
      commit((database) => {
        for (const [hash, { expiresAt }] of database.codes) if (expiresAt <= at) database.codes.delete(hash);
        const code = database.codes.get(codeHash);
        if (!code) return 'unknown';
        const mayUse = code.device === null ? isNew(database, device.device) : code.device === device.device;
        if (!mayUse) return 'otherDevice';
        const before = database.devices.get(device.device);
        database.codes.delete(codeHash);
        revokeKeysOf(database, device.device, at);
        const { name, address, key, seenAt } = device;
        database.devices.set(
          device.device,
          before
            ? { ...before, name, address, key, seenAt, revokedAt: null }
            : { ...device, revokedAt: null },
        );
        database.credentials.set(credential.key, { ...credential, grants: code.grants });
        database.audit.push({ at, actor: device.device, action: 'device.enrol', subject: device.device });
        return code;
      }),
  };
}

/** No key was ever issued to it, and nobody revoked it. */
function isNew(database: Database, device: string): boolean {
  const hasKey = [...database.credentials.values()].some((credential) => credential.device === device);
  return !hasKey && (database.devices.get(device)?.revokedAt ?? null) === null;
}

function revokeKeysOf(database: Database, device: string, at: number): void {
  for (const [key, credential] of database.credentials)
    if (credential.device === device && credential.revokedAt === null)
      database.credentials.set(key, { ...credential, revokedAt: at });
}
