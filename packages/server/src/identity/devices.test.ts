// Devices that register by name, on the real store, in memory.

import { createHash } from 'node:crypto';
import { defaultLimits, defineSchema } from '@holdfast/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import type { Device, Store } from '../store/port.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import type { Registration } from './devices.ts';
import { createIdentity, type Identity, type IdentityOptions } from './identity.ts';
import { addKey, createEnrolment, revokeDevice } from './keys.ts';

const schema = defineSchema({
  version: 1,
  collections: { notes: { kind: 'request', fields: z.object({}) } },
});
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const limits = { ...defaultLimits, devicesMax: 3, devicesPerKeyMax: 2 };
const nobody = { key: null, device: null };
const actor = 'operator';

let nowMs: number;
let commits: number;
let store: Store;
let deps: IdentityOptions;
let identity: Identity;

beforeEach(async () => {
  nowMs = 1_700_000_000_000;
  commits = 0;
  store = await openSqliteStore({ file: null, life: { id: 'l1', startedAt: 0 }, schema, limits, sha256 });
  let drawn = 0;
  deps = {
    store: {
      identity: store.identity,
      read: (work) => store.read(work),
      commit: (work) => {
        commits += 1;
        return store.commit(work);
      },
    },
    sha256,
    limits,
    auth: 'none',
    clock: { wallMs: () => nowMs, monoMs: () => 0 },
    random: {
      bytes: (length) => Uint8Array.from({ length }, () => (drawn = (drawn * 131 + 7) % 251)),
      fraction: () => 0.5,
    },
  };
  identity = createIdentity(deps);
});
afterEach(() => store.close());

const till = (more: Partial<Registration> = {}): Registration => ({
  ...{ device: 'till-1', name: 'Till at the bar', role: 'client', address: '192.168.1.20', proof: nobody },
  ...more,
});
const refused = (code: string, field?: string) =>
  expect.objectContaining({ code, ...(field ? { field } : {}) });

test('a device registers, and again with another name and address', async () => {
  const { proof: _, ...said } = till();
  const first: Device = { ...said, key: null, createdAt: nowMs, seenAt: nowMs, revokedAt: null };
  expect(await identity.register(till())).toEqual(first);
  expect(await identity.device('till-1')).toEqual(first);
  expect(await identity.device('till-2')).toBeUndefined();
  nowMs += 1_000;
  const moved = { ...first, name: 'Till 1', address: '192.168.1.21', seenAt: nowMs };
  expect(await identity.register(till({ name: 'Till 1', address: '192.168.1.21' }))).toEqual(moved);
  expect(await identity.devices()).toEqual([moved]);
});

test('a repeat that says nothing new is written once a minute', async () => {
  await identity.register(till());
  const put = async () => (await identity.register(till())).seenAt;
  nowMs += 59_999;
  expect(await put()).toBe(nowMs - 59_999);
  nowMs += 1;
  expect(await put()).toBe(nowMs);
  nowMs -= 3_600_000;
  expect((await identity.register(till({ name: 'New' }))).seenAt).toBe(nowMs + 3_600_000);
  expect(commits).toBe(4);
});

test('a revoked device is not active, and does not come back by itself', async () => {
  await identity.register(till());
  await identity.register(till({ device: 'till-2' }));
  await revokeDevice(deps, { device: 'till-1', actor });
  await expect(identity.register(till({ name: 'Again' }))).rejects.toEqual(refused('device_revoked'));
  expect((await identity.devices()).map(({ device }) => device)).toEqual(['till-2']);
  expect(await identity.device('till-1')).toMatchObject({ name: 'Till at the bar', revokedAt: nowMs });
});

test('no more devices register than there is room for; those that are known still do', async () => {
  for (const device of ['a', 'b', 'c']) await identity.register(till({ device }));
  await expect(identity.register(till({ device: 'd' }))).rejects.toEqual(refused('too_many', 'device'));
  expect(await identity.register(till({ device: 'c', name: 'New' }))).toMatchObject({ name: 'New' });
});

test('names that could move a cursor are refused, and nothing is written', async () => {
  for (const field of ['device', 'name', 'role'] as const)
    for (const value of ['', 'a\u001b[2J', 'x'.repeat(201), '\ud800'])
      await expect(identity.register(till({ [field]: value })), `${field} ${value}`).rejects.toEqual(
        refused('malformed', field),
      );
  expect(await identity.devices()).toEqual([]);
});

test('a key that any device may use registers so many, and none that has a key of its own', async () => {
  const { key } = (await addKey(deps, { name: 'k', grants: 'all', actor })).credential;
  const proof = { key, device: null };
  for (const device of ['a', 'b']) await identity.register(till({ device, proof }));
  await expect(identity.register(till({ device: 'c', proof }))).rejects.toEqual(
    refused('too_many', 'device'),
  );
  expect(await identity.device('a')).toMatchObject({ key });
  const { code } = await createEnrolment(deps, { name: 'Own', grants: 'all', actor });
  await identity.enrol({ code, device: 'own', name: 'Own', address: '192.168.1.9' });
  const own = await identity.device('own');
  expect(own).toMatchObject({ role: '', address: '192.168.1.9' });
  await expect(identity.register(till({ device: 'own', proof }))).rejects.toEqual(
    refused('forbidden', 'device'),
  );
  const its = { key: own?.key ?? '', device: 'own' };
  await expect(identity.register(till({ device: 'a', proof: its }))).rejects.toEqual(
    refused('forbidden', 'device'),
  );
  expect(await identity.register(till({ device: 'own', proof: its }))).toMatchObject({
    ...{ name: 'Till at the bar', key: own?.key },
  });
});

test('a token that was issued to a device registers no other', async () => {
  const proof = { key: null, device: 'till-1' };
  expect(await identity.register(till({ proof }))).toMatchObject({ device: 'till-1' });
  await expect(identity.register(till({ device: 'till-2', proof }))).rejects.toEqual(
    refused('forbidden', 'device'),
  );
});

test('of many that register at once no more come in than there is room for', async () => {
  const all = Array.from({ length: 10 }, (_, n) => identity.register(till({ device: `d-${n}` })));
  const settled = await Promise.allSettled(all);
  expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  expect(await identity.devices()).toHaveLength(3);
});
