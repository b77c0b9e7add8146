// Keys, codes and devices on the real store, in memory.

import { createHash } from 'node:crypto';
import { defaultLimits, defineSchema, type Grants } from '@holdfast/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import type { Store } from '../store/port.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { createGuesses } from './guesses.ts';
import { codeBounds, createIdentity, type Identity, servedAuth } from './identity.ts';
import { createCode, createKeyText, hashCode, parseKeyText, sameHash } from './key-text.ts';
import {
  addKey,
  createEnrolment,
  enrolmentMsMax,
  type IdentityDeps,
  listDevices,
  listKeys,
  removeKey,
  revokeDevice,
} from './keys.ts';

const schema = defineSchema({
  version: 1,
  collections: { notes: { kind: 'request', fields: z.object({}) } },
});
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const grants: Grants = [{ scope: 'shop-1', right: 'write' }];
const actor = 'operator';
const minute = 60_000;

let now: { wall: number; mono: number };
let store: Store;
let deps: IdentityDeps;
let identity: Identity;

beforeEach(async () => {
  now = { wall: 1_700_000_000_000, mono: 0 };
  store = await openSqliteStore({
    file: null,
    life: { id: 'l1', startedAt: 0 },
    schema,
    limits: defaultLimits,
    sha256,
  });
  let drawn = 0;
  deps = {
    store,
    sha256,
    clock: { wallMs: () => now.wall, monoMs: () => now.mono },
    random: {
      bytes: (length) => Uint8Array.from({ length }, () => (drawn = (drawn * 131 + 7) % 251)),
      fraction: () => 0.5,
    },
  };
  identity = createIdentity({ ...deps, store, limits: defaultLimits, auth: 'keys' });
});
afterEach(() => store.close());

const refused = (code: string, field?: string) =>
  expect.objectContaining({ code, ...(field ? { field } : {}) });

test('a key proves itself by either header, and nothing of its secret is kept', async () => {
  const { credential, text } = await addKey(deps, { name: 'till 1', grants, actor });
  expect(text).toMatch(/^hf_[0-9a-z]{12}_[A-Za-z0-9_-]{43}$/);
  expect(text).toContain(credential.key);
  const proof = { key: credential.key, device: null, actor: '' };
  expect(await identity.prove({ authorization: `Bearer ${text}` })).toEqual(proof);
  expect(await identity.prove({ authorization: `bearer ${text}` })).toEqual(proof);
  expect(await identity.prove({ 'x-api-key': text })).toEqual(proof);
  expect(JSON.stringify(await listKeys(deps))).not.toContain(text.slice(-43));
  const kept = await store.read((snapshot) => snapshot.credential(credential.key));
  expect(kept?.secretHash).toMatch(/^[0-9a-f]{64}$/);
});

test('a key of the config opens everything, in either header, beside those of the store', async () => {
  const keys = ['the key of the fleet'.replaceAll(' ', '-'), 'another1'];
  const both = createIdentity({ ...deps, store, limits: defaultLimits, auth: 'keys', keys });
  const anyone = { key: null, device: null, actor: '', configKey: true };
  for (const key of keys) {
    expect(await both.prove({ authorization: `Bearer ${key}` })).toEqual(anyone);
    expect(await both.prove({ 'x-api-key': key })).toEqual(anyone);
    for (const wrong of [key.slice(0, -1), `${key}x`, key.toUpperCase(), ` ${key}`, ''])
      await expect(both.prove({ 'x-api-key': wrong })).rejects.toEqual(refused('unauthenticated'));
    await expect(identity.prove({ 'x-api-key': key })).rejects.toEqual(refused('unauthenticated'));
  }
  const { credential, text } = await addKey(deps, { name: 'k', grants, actor });
  expect(await both.prove({ 'x-api-key': text })).toMatchObject({ key: credential.key });
});

test('keys are asked for when there is one, or was: nothing opens by itself', async () => {
  const auth = (keys: string[] = []) => servedAuth('keys-if-any', { store, keys });
  expect(await auth()).toBe('none');
  expect(await auth(['some-key-or-other'])).toBe('keys');
  const { credential } = await addKey(deps, { name: 'k', grants, actor });
  expect(await auth()).toBe('keys');
  await removeKey(deps, { key: credential.key, actor });
  expect(await auth()).toBe('keys');
  for (const given of ['none', 'keys', 'jwt'] as const)
    expect(await servedAuth(given, { store, keys: [] })).toBe(given);
});

test('what is no key, another key, or a key with one character changed proves nothing', async () => {
  const { text } = await addKey(deps, { name: 'k', grants: 'all', actor });
  const last = text.at(-1) === 'A' ? 'B' : 'A';
  const wrong = [
    {},
    { authorization: '' },
    { authorization: text },
    { authorization: `Basic ${text}` },
    { authorization: `Bearer ${text.slice(0, -1)}` },
    { authorization: `Bearer ${text.slice(0, -1)}${last}` },
    { authorization: `Bearer ${text}=` },
    { authorization: `Bearer ${text} ${text}` },
    { authorization: `Bearer ${text.toUpperCase()}` },
    { authorization: 'Bearer null' },
    { authorization: 'Bearer __proto__' },
    { authorization: `Bearer hf_000000000000_${'A'.repeat(43)}` },
    // The second header is not looked at when the first is there.
    { authorization: 'Bearer x', 'x-api-key': text },
    { 'x-api-key': [text, text] },
    { 'x-api-key': `${text}, ${text}` },
  ];
  for (const headers of wrong)
    await expect(identity.prove(headers), JSON.stringify(headers)).rejects.toEqual(
      refused('unauthenticated'),
    );
});

test('a removed and an expired key prove nothing', async () => {
  const kept = await addKey(deps, { name: 'a', grants, actor });
  const brief = await addKey(deps, { name: 'b', grants, actor, expiresAt: now.wall + minute });
  const prove = (text: string) => identity.prove({ authorization: `Bearer ${text}` });
  await prove(brief.text);
  now.wall += minute;
  await expect(prove(brief.text)).rejects.toEqual(refused('unauthenticated'));
  await prove(kept.text);
  expect(await removeKey(deps, { key: kept.credential.key, actor })).toBe(true);
  expect(await removeKey(deps, { key: kept.credential.key, actor })).toBe(false);
  expect(await removeKey(deps, { key: 'nothing', actor })).toBe(false);
  await expect(prove(kept.text)).rejects.toEqual(refused('unauthenticated'));
});

test('a device enrols once with a code, typed as people type', async () => {
  const { code, expiresAt } = await createEnrolment(deps, { name: 'till', grants, actor });
  expect(code).toMatch(/^[0-9A-Z]{5}-[0-9A-Z]{5}$/);
  expect(expiresAt).toBe(now.wall + enrolmentMsMax);
  const enrol = { device: 'd1', name: 'Till 1', address: '10.0.0.1' };
  const { key, grants: given } = await identity.enrol({
    ...enrol,
    code: ` ${code.toLowerCase().replace('-', ' ')} `,
  });
  expect(given).toEqual(grants);
  expect(await identity.prove({ authorization: `Bearer ${key}` })).toMatchObject({ device: 'd1' });
  expect(await listDevices(deps)).toMatchObject([{ device: 'd1', name: 'Till 1', revokedAt: null }]);
  await expect(identity.enrol({ ...enrol, device: 'd2', code })).rejects.toEqual(
    refused('enrol_code', 'code'),
  );
  expect(await listDevices(deps)).toHaveLength(1);
});

test('of many at once with one code, one enrols', async () => {
  const { code } = await createEnrolment(deps, { name: 'till', grants, actor });
  const tries = Array.from({ length: 20 }, (_, place) =>
    identity.enrol({ code, device: `d${place}`, name: 'n', address: `10.0.0.${place}` }),
  );
  const done = await Promise.allSettled(tries);
  expect(done.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(await listDevices(deps)).toHaveLength(1);
});

test('a code dies after ten minutes', async () => {
  const { code } = await createEnrolment(deps, { name: 'till', grants, actor });
  now.wall += enrolmentMsMax;
  const late = identity.enrol({ code, device: 'd1', name: 'n', address: 'a' });
  await expect(late).rejects.toEqual(refused('enrol_code'));
});

test('five wrong codes a minute from one address, and no more', async () => {
  const guess = (address: string) => identity.enrol({ code: 'AAAAA-AAAAA', device: 'd', name: 'n', address });
  for (const _ of Array.from({ length: 5 })) await expect(guess('a')).rejects.toEqual(refused('enrol_code'));
  now.mono += 20_000;
  await expect(guess('a')).rejects.toMatchObject({ code: 'too_many', details: { retryAfter: 40 } });
  await expect(guess('b')).rejects.toEqual(refused('enrol_code'));
  // Also with the right code: else the bound would not bound anything.
  const { code } = await createEnrolment(deps, { name: 'till', grants, actor });
  await expect(identity.enrol({ code, device: 'd', name: 'n', address: 'a' })).rejects.toEqual(
    refused('too_many'),
  );
  now.mono += 40_000;
  await identity.enrol({ code, device: 'd', name: 'n', address: 'a' });
});

test('right codes are no guesses; wrong ones from everywhere are bounded together', async () => {
  const guesses = createGuesses(deps.clock, { ...codeBounds, triesMax: [2, 3] });
  for (const _ of Array.from({ length: 10 })) guesses.begin(['a', ''])();
  for (const address of ['a', 'b', 'c']) guesses.begin([address, '']);
  expect(() => guesses.begin(['d', ''])).toThrow(expect.objectContaining({ code: 'too_many' }));
  now.mono += minute;
  guesses.begin(['d', '']);
});

test('a revoked device is told so, and comes back only by a code for it', async () => {
  const { code } = await createEnrolment(deps, { name: 'till', grants, actor });
  const { key } = await identity.enrol({ code, device: 'd1', name: 'n', address: 'a' });
  expect(await revokeDevice(deps, { device: 'd1', actor })).toBe(true);
  expect(await revokeDevice(deps, { device: 'd1', actor })).toBe(false);
  await expect(identity.prove({ authorization: `Bearer ${key}` })).rejects.toEqual(refused('device_revoked'));
  const other = await createEnrolment(deps, { name: 'till', grants, actor });
  const again = identity.enrol({ code: other.code, device: 'd1', name: 'n', address: 'a' });
  await expect(again).rejects.toEqual(refused('device_taken', 'device'));
  const its = await createEnrolment(deps, { name: 'till', grants, actor, device: 'd1' });
  const back = await identity.enrol({ code: its.code, device: 'd1', name: 'n', address: 'a' });
  expect(await identity.prove({ authorization: `Bearer ${back.key}` })).toMatchObject({ device: 'd1' });
  await expect(identity.prove({ authorization: `Bearer ${key}` })).rejects.toEqual(
    refused('unauthenticated'),
  );
});

test('names that could move a cursor, and grants of nothing, are refused', async () => {
  for (const name of ['', 'a\u001b[2J', 'a\nb', 'x'.repeat(201)])
    await expect(addKey(deps, { name, grants, actor }), JSON.stringify(name)).rejects.toEqual(
      refused('malformed', 'name'),
    );
  const bad: Grants[] = [[], [{ scope: '', right: 'read' }], [{ scope: 'x'.repeat(201), right: 'read' }]];
  for (const wrong of bad)
    await expect(createEnrolment(deps, { name: 'n', grants: wrong, actor })).rejects.toEqual(
      refused('malformed', 'grants'),
    );
  await expect(addKey(deps, { name: 'n', grants, actor, expiresAt: now.wall })).rejects.toEqual(
    refused('malformed', 'expiresAt'),
  );
  expect(await listKeys(deps)).toEqual([]);
});

test('without authentication everybody is nobody in particular', async () => {
  const open = createIdentity({ ...deps, store, limits: defaultLimits, auth: 'none' });
  expect(await open.prove({ authorization: 'Bearer x' })).toEqual({ key: null, device: null, actor: '' });
});

test('texts of keys and codes', () => {
  const { key, secret, text } = createKeyText(deps.random);
  expect(parseKeyText(text)).toEqual({ key, secret });
  expect(hashCode('k7qwm-3xz9p', sha256)).toBe(hashCode('K7QWM3XZ9P', sha256));
  expect(hashCode('OIL', sha256)).toBe(hashCode('011', sha256));
  expect(createCode(deps.random)).not.toMatch(/[ILOU]/);
  expect(sameHash('ab', 'ab')).toBe(true);
  expect(sameHash('ab', 'abc')).toBe(false);
});
