// What a caller may do, from its credential as it stands inside a transaction or snapshot.

import { type Grants, RequestError } from '@holdfast/core';
import type { Credential, Device } from '../store/port.ts';
import type { Caller } from './engine.ts';

export type Right = 'write' | 'read' | 'none';

export interface Standing {
  credential: Credential | undefined;
  device: Device | undefined;
  /** See `isEnrolled`. */
  enrolled: boolean;
  nowMs: number;
}

/** Throws RequestError when the credential or the device is good for nothing now; else answers its grants. */
export function grantsOf(caller: Caller, standing: Standing): Grants {
  const { credential, device, enrolled, nowMs } = standing;
  if (device && device.revokedAt !== null) throw new RequestError('device_revoked');
  if (caller.token) {
    if (caller.token.expiresAt <= nowMs) throw new RequestError('unauthenticated');
    return caller.token.grants;
  }
  if (caller.expiresAt !== undefined && caller.expiresAt <= nowMs) throw new RequestError('unauthenticated');
  if (caller.key === null) return 'all';
  const expired = credential?.expiresAt != null && credential.expiresAt <= nowMs;
  if (!credential || credential.revokedAt !== null || expired) throw new RequestError('unauthenticated');
  if (credential.device !== null && credential.device !== caller.device) {
    throw new RequestError('forbidden', {
      field: 'device',
      message: 'The key was issued to another device.',
    });
  }
  // A person is no key that any device may use: who is at the device may speak as who they are.
  if (enrolled && credential.device === null && caller.actor === '') {
    throw new RequestError('forbidden', {
      field: 'device',
      message: 'This device has a key of its own.',
    });
  }
  return credential.grants;
}

/** Whether the device has a key of its own, good or ended, given the key by which it last came. No other key speaks for it then. */
export function isEnrolled(device: Device | undefined, last: Credential | undefined): boolean {
  return device !== undefined && last !== undefined && last.device === device.device;
}

export function rightIn(grants: Grants, scope: string): Right {
  if (grants === 'all') return 'write';
  const found = grants.filter((grant) => grant.scope === scope).map((grant) => grant.right);
  if (found.includes('write')) return 'write';
  return found.includes('read') ? 'read' : 'none';
}
