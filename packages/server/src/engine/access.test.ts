import type { Grants } from '@holdfast/core';
import { expect, test } from 'vitest';
import type { Credential, Device } from '../store/port.ts';
import { grantsOf, isEnrolled, rightIn } from './access.ts';

const credential: Credential = {
  key: 'k1',
  name: 'till',
  device: null,
  grants: [{ scope: 'shop-1', right: 'read' }],
  createdAt: 0,
  expiresAt: null,
  revokedAt: null,
};
const device: Device = {
  device: 'd1',
  name: '',
  role: '',
  address: '',
  key: 'k1',
  createdAt: 0,
  seenAt: 0,
  revokedAt: null,
};
const caller = { key: 'k1', device: 'd1', actor: '' };
const standing = { credential, device, enrolled: false, nowMs: 1_000 };

test('without authentication every scope is granted', () => {
  expect(grantsOf({ ...caller, key: null }, { ...standing, credential: undefined })).toBe('all');
});

test.each([
  ['an unknown key', { ...standing, credential: undefined }, 'unauthenticated'],
  ['a revoked key', { ...standing, credential: { ...credential, revokedAt: 1 } }, 'unauthenticated'],
  [
    'a key that expires now',
    { ...standing, credential: { ...credential, expiresAt: 1_000 } },
    'unauthenticated',
  ],
  ['a key of another device', { ...standing, credential: { ...credential, device: 'd2' } }, 'forbidden'],
  ['a key of everybody’s, for a device that enrolled', { ...standing, enrolled: true }, 'forbidden'],
  ['a revoked device', { ...standing, device: { ...device, revokedAt: 1 } }, 'device_revoked'],
])('%s is refused', (_, given, code) => {
  expect(() => grantsOf(caller, given)).toThrow(expect.objectContaining({ code }));
});

test('a revoked device is refused without authentication, too', () => {
  const revoked = { ...standing, credential: undefined, device: { ...device, revokedAt: 1 } };
  expect(() => grantsOf({ ...caller, key: null }, revoked)).toThrow(
    expect.objectContaining({ code: 'device_revoked' }),
  );
});

test('a token grants what it says, until it ends, and nothing for a revoked device', () => {
  const grants: Grants = [{ scope: 'shop-2', right: 'write' }];
  const bearer = { ...caller, key: null, token: { grants, expiresAt: 1_001 } };
  const bare = { ...standing, credential: undefined };
  const refused = (code: string) => expect.objectContaining({ code });
  expect(grantsOf(bearer, bare)).toEqual(grants);
  expect(() => grantsOf(bearer, { ...bare, nowMs: 1_001 })).toThrow(refused('unauthenticated'));
  const revoked = { ...bare, device: { ...device, revokedAt: 1 } };
  expect(() => grantsOf(bearer, revoked)).toThrow(refused('device_revoked'));
});

test('a key that has not expired yet is good', () => {
  expect(grantsOf(caller, { ...standing, credential: { ...credential, expiresAt: 1_001 } })).toEqual(
    credential.grants,
  );
});

test.each([
  ['all', 'write'],
  [[{ scope: 'a', right: 'read' }], 'read'],
  [[{ scope: 'a', right: 'write' }], 'write'],
  [
    [
      { scope: 'a', right: 'read' },
      { scope: 'a', right: 'write' },
    ],
    'write',
  ],
  [[{ scope: 'b', right: 'write' }], 'none'],
  [[], 'none'],
] as const)('grants %j give the right %s', (grants, right) => {
  expect(rightIn(grants === 'all' ? 'all' : [...grants], 'a')).toBe(right);
});

test('a device is enrolled when the key by which it came last was issued to it, good or ended', () => {
  const own = { ...credential, device: 'd1' };
  expect(isEnrolled(device, own)).toBe(true);
  expect(isEnrolled(device, { ...own, revokedAt: 1, expiresAt: 1 })).toBe(true);
  expect(isEnrolled(device, credential)).toBe(false);
  expect(isEnrolled(device, undefined)).toBe(false);
  expect(isEnrolled(undefined, own)).toBe(false);
});
