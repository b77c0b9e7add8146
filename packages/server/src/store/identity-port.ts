// The part of the store's port that says who may come in: keys, devices, enrolment codes, users, and the audit log.

import type { Grants } from '@holdfast/core';

/** What a caller's credential is worth, as it stands inside the transaction that reads it. */
export interface Credential {
  /** The key's public id; the secret is kept as a hash only. */
  key: string;
  name: string;
  /** The device that the key was issued to at enrolment; null for a key that any device may use. */
  device: string | null;
  grants: Grants;
  createdAt: number;
  expiresAt: number | null;
  revokedAt: number | null;
}

export interface StoredCredential extends Credential {
  /** SHA-256 of the secret, hex. */
  secretHash: string;
}

export interface Device {
  device: string;
  name: string;
  /** What it says it is, such as `client`; '' when it said nothing. */
  role: string;
  /** Where it registered or enrolled from; '' when it did neither. */
  address: string;
  /** The key by which it last came; null without authentication. */
  key: string | null;
  createdAt: number;
  seenAt: number;
  revokedAt: number | null;
}

/** A one-time code by which a device enrols. Kept as a hash. */
export interface EnrolmentCode {
  codeHash: string;
  /** The one device, revoked or not, that may come back with it; null: for a device that never enrolled. */
  device: string | null;
  name: string;
  grants: Grants;
  expiresAt: number;
}

export interface User {
  /** Rises with each user; none is given twice. */
  id: number;
  name: string;
  /** The name as it is compared; two users never share one. */
  nameKey: string;
  role: string;
  grants: Grants;
  /** The public id of the credential that the user's tokens stand for; a new one with each password. */
  key: string;
  createdAt: number;
  passwordAt: number;
}

export interface StoredUser extends User {
  /** As the PHC string format has it. */
  passwordHash: string;
}

/** What may change of a user. */
export type UserChange = Partial<Pick<StoredUser, 'role' | 'grants' | 'key' | 'passwordAt' | 'passwordHash'>>;

/** By which the server signs tokens of its users. The one that is not retired signs; the others verify. */
export interface SigningKey {
  kid: string;
  /** 256 random bits, as base64url. */
  secret: string;
  createdAt: number;
  retiredAt: number | null;
}

export interface AuditEntry {
  at: number;
  actor: string;
  action: string;
  subject: string;
}

/** Who may come in. Each call is durable when it resolves, and writes its audit entry with it. */
export interface IdentityStore {
  addCredential(credential: StoredCredential, audit: AuditEntry): Promise<void>;
  /** False when there is no such key, or it was revoked already. */
  revokeCredential(key: string, at: number, audit: AuditEntry): Promise<boolean>;
  /** Revokes the device and every key issued to it. False when there is no such device or it was revoked already. */
  revokeDevice(device: string, at: number, audit: AuditEntry): Promise<boolean>;
  addEnrolmentCode(code: EnrolmentCode, audit: AuditEntry): Promise<void>;
  /** Answers the id that the user gets; null, and nothing is written, when the name is another's. */
  addUser(user: Omit<StoredUser, 'id'>, audit: AuditEntry): Promise<number | null>;
  /** False when there is no such user. */
  changeUser(nameKey: string, change: UserChange, audit: AuditEntry): Promise<boolean>;
  /** The same. */
  removeUser(nameKey: string, audit: AuditEntry): Promise<boolean>;
  /** Retires those that signed until now, and removes those that were retired at `endedBefore` or earlier. */
  addSigningKey(key: SigningKey, endedBefore: number, audit: AuditEntry): Promise<void>;
  /** For what the operator does besides. */
  addAudit(audit: AuditEntry): Promise<void>;
  /**
   * Uses a code up: at most one of several callers gets it, and then the device and its key exist.
   * 'unknown' when there is no such code or it has expired; expired codes are removed. 'otherDevice' when the code is for
   * another device, or names none and this one has enrolled before: else whoever has any code could take a device's place.
   * Neither uses the code up.
   */
  enrol(
    codeHash: string,
    at: number,
    device: Device,
    credential: Omit<StoredCredential, 'grants'>,
  ): Promise<EnrolmentCode | 'unknown' | 'otherDevice'>;
}
