// The part of the contract about keys, devices and enrolment.

import { expect, test } from 'vitest';
import type { AuditEntry, Device, EnrolmentCode, Store, StoredCredential } from './port.ts';
import { auditOf, type OpenStore } from './writes.fixture.ts';

const key = (name: string, more: Partial<StoredCredential> = {}): StoredCredential => ({
  key: name,
  name: `Key ${name}`,
  device: null,
  grants: [{ scope: 'shop', right: 'write' }],
  createdAt: 10,
  expiresAt: null,
  revokedAt: null,
  secretHash: `hash-${name}`,
  ...more,
});

const entry = (action: string, subject = 'it'): AuditEntry => ({ at: 100, actor: 'Kim', action, subject });

const code = (more: Partial<EnrolmentCode> = {}): EnrolmentCode => ({
  codeHash: 'code-hash',
  device: null,
  name: 'Till',
  grants: [{ scope: 'shop', right: 'read' }],
  expiresAt: 1_000,
  ...more,
});

function enrol(store: Store, name: string, { at = 500, codeHash = 'code-hash' } = {}) {
  const device: Device = {
    device: name,
    name: 'Till',
    role: '',
    address: `10.0.0.${at / 100}`,
    key: `key-${name}-${at}`,
    createdAt: at,
    seenAt: at,
    revokedAt: null,
  };
  const { grants: _, ...credential } = key(`key-${name}-${at}`, { device: name, createdAt: at });
  return store.identity.enrol(codeHash, at, device, credential);
}

const credential = (store: Store, name: string) => store.read((snapshot) => snapshot.credential(name));
const device = (store: Store, name: string) => store.read((snapshot) => snapshot.device(name));

export function testIdentity(open: OpenStore): void {
  test('keys are added, read and revoked once, each with its audit entry', async () => {
    const { store } = await open();
    await store.identity.addCredential(key('a', { grants: 'all', expiresAt: 99 }), entry('key.add', 'a'));
    await store.identity.addCredential(key('b', { device: 'till', createdAt: 11 }), entry('key.add', 'b'));
    const { secretHash, ...shown } = key('a', { grants: 'all', expiresAt: 99 });
    expect(await credential(store, 'a')).toEqual({ ...shown, secretHash });
    expect(await credential(store, 'none')).toBeUndefined();
    const listed = await store.read((snapshot) => snapshot.credentials());
    expect(listed.map((one) => one.key)).toEqual(['a', 'b']);
    expect(listed[0]).toEqual(shown);
    expect([...(await store.commit((transaction) => transaction.credentials(['a', 'x'])))]).toEqual([
      ['a', shown],
    ]);
    expect(await store.identity.revokeCredential('a', 50, entry('key.revoke', 'a'))).toBe(true);
    expect(await store.identity.revokeCredential('a', 60, entry('key.revoke', 'a'))).toBe(false);
    expect(await store.identity.revokeCredential('none', 60, entry('key.revoke', 'none'))).toBe(false);
    expect((await credential(store, 'a'))?.revokedAt).toBe(50);
    expect(await auditOf(store)).toEqual([
      entry('key.add', 'a'),
      entry('key.add', 'b'),
      entry('key.revoke', 'a'),
    ]);
  });

  test('a key is added once, and a failure leaves no audit entry', async () => {
    const { store } = await open();
    await store.identity.addCredential(key('a'), entry('key.add'));
    await expect(
      store.identity.addCredential(key('a', { name: 'other' }), entry('key.add')),
    ).rejects.toThrow();
    expect((await credential(store, 'a'))?.name).toBe('Key a');
    expect(await auditOf(store)).toHaveLength(1);
  });

  test('revoking a device revokes its keys, and no others', async () => {
    const { store } = await open();
    await store.identity.addEnrolmentCode(code(), entry('device.invite'));
    await enrol(store, 'till');
    await store.identity.addCredential(key('extra', { device: 'till' }), entry('key.add'));
    await store.identity.addCredential(key('free'), entry('key.add'));
    await store.identity.addCredential(key('ended', { device: 'till', revokedAt: 7 }), entry('key.add'));
    expect(await store.identity.revokeDevice('till', 600, entry('device.revoke'))).toBe(true);
    expect(await store.identity.revokeDevice('till', 700, entry('device.revoke'))).toBe(false);
    expect(await store.identity.revokeDevice('none', 700, entry('device.revoke'))).toBe(false);
    expect((await device(store, 'till'))?.revokedAt).toBe(600);
    const revoked = await store.read(async (snapshot) =>
      Object.fromEntries((await snapshot.credentials()).map((one) => [one.key, one.revokedAt])),
    );
    expect(revoked).toEqual({ 'key-till-500': 600, extra: 600, free: null, ended: 7 });
    expect((await auditOf(store)).map(({ action }) => action)).toEqual([
      ...['device.invite', 'device.enrol', 'key.add', 'key.add', 'key.add', 'device.revoke'],
    ]);
  });

  test('of twenty that use one code at once, exactly one gets it', async () => {
    const { store } = await open();
    await store.identity.addEnrolmentCode(code(), entry('device.invite'));
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => enrol(store, `till-${n}`)));
    expect(answers.filter((answer) => answer !== 'unknown')).toEqual([code()]);
    const devices = await store.read((snapshot) => snapshot.devices());
    expect(devices).toHaveLength(1);
    const [one] = devices;
    expect(one).toMatchObject({ key: `key-${one?.device}-500`, revokedAt: null });
    // Its rights come from the code.
    expect(await credential(store, one?.key ?? '')).toMatchObject({
      device: one?.device,
      grants: code().grants,
    });
    expect(await auditOf(store)).toEqual([
      entry('device.invite'),
      { at: 500, actor: one?.device, action: 'device.enrol', subject: one?.device },
    ]);
  });

  test('an expired code enrols nothing and is removed', async () => {
    const { store } = await open();
    await store.identity.addEnrolmentCode(code({ expiresAt: 500 }), entry('device.invite'));
    await store.identity.addEnrolmentCode(
      code({ codeHash: 'later', expiresAt: 501 }),
      entry('device.invite'),
    );
    expect(await enrol(store, 'till', { at: 500 })).toBe('unknown');
    expect(await enrol(store, 'till', { at: 400 })).toBe('unknown');
    expect(await enrol(store, 'till', { at: 500, codeHash: 'later' })).toEqual(
      code({ codeHash: 'later', expiresAt: 501 }),
    );
    expect(await enrol(store, 'till', { at: 500, codeHash: 'never' })).toBe('unknown');
  });

  test('a code that names no device is for one that never enrolled; nobody takes the place of another', async () => {
    const { store } = await open();
    for (const codeHash of ['one', 'two'])
      await store.identity.addEnrolmentCode(code({ codeHash }), entry('device.invite'));
    await enrol(store, 'till', { at: 500, codeHash: 'one' });
    expect(await enrol(store, 'till', { at: 600, codeHash: 'two' })).toBe('otherDevice');
    await store.identity.revokeDevice('till', 700, entry('device.revoke'));
    expect(await enrol(store, 'till', { at: 800, codeHash: 'two' })).toBe('otherDevice');
    expect((await credential(store, 'key-till-500'))?.revokedAt).toBe(700);
    expect(await device(store, 'till')).toMatchObject({ key: 'key-till-500', revokedAt: 700 });
    // The code was not used up.
    expect(await enrol(store, 'till-2', { at: 800, codeHash: 'two' })).toMatchObject({ codeHash: 'two' });
  });

  test('a code that names a device brings that one back, revoked or not, with its new key alone', async () => {
    const { store } = await open();
    await store.identity.addEnrolmentCode(code({ codeHash: 'one' }), entry('device.invite'));
    for (const codeHash of ['two', 'three'])
      await store.identity.addEnrolmentCode(code({ codeHash, device: 'till' }), entry('device.invite'));
    await enrol(store, 'till', { at: 500, codeHash: 'one' });
    expect(await enrol(store, 'other', { at: 600, codeHash: 'two' })).toBe('otherDevice');
    expect(await enrol(store, 'till', { at: 600, codeHash: 'two' })).toMatchObject({ device: 'till' });
    expect((await credential(store, 'key-till-500'))?.revokedAt).toBe(600);
    expect((await credential(store, 'key-till-600'))?.revokedAt).toBeNull();
    expect(await device(store, 'till')).toMatchObject({ key: 'key-till-600', createdAt: 500, seenAt: 600 });
    await store.identity.revokeDevice('till', 700, entry('device.revoke'));
    await enrol(store, 'till', { at: 800, codeHash: 'three' });
    expect(await device(store, 'till')).toMatchObject({ key: 'key-till-800', revokedAt: null });
    expect((await credential(store, 'key-till-600'))?.revokedAt).toBe(700);
  });

  test('a device that only registered itself may enrol, unless it was revoked; a refusal leaves no trace', async () => {
    const { store } = await open();
    for (const codeHash of ['one', 'two'])
      await store.identity.addEnrolmentCode(code({ codeHash }), entry('device.invite'));
    const registered = ['known', 'lost'].map((name) => ({
      ...{
        device: name,
        name: '',
        role: 'pos',
        address: '10.0.0.7',
        key: null,
        createdAt: 1,
        seenAt: 1,
        revokedAt: null,
      },
    }));
    await store.commit((transaction) => transaction.putDevices(registered));
    await store.identity.revokeDevice('lost', 400, entry('device.revoke'));
    expect(await enrol(store, 'lost', { codeHash: 'one' })).toBe('otherDevice');
    expect(await device(store, 'lost')).toMatchObject({ key: null, revokedAt: 400 });
    expect(await enrol(store, 'known', { codeHash: 'one' })).toMatchObject({ codeHash: 'one' });
    const enrolled = { name: 'Till', role: 'pos', address: '10.0.0.5', key: 'key-known-500', createdAt: 1 };
    expect(await device(store, 'known')).toMatchObject(enrolled);
    expect((await auditOf(store)).map(({ action }) => action)).toEqual([
      ...['device.invite', 'device.invite', 'device.revoke', 'device.enrol'],
    ]);
  });

  test('the audit log is read newest first, and on behind what was read', async () => {
    const { store } = await open();
    for (const subject of ['a', 'b', 'c']) await store.identity.addAudit(entry('import', subject));
    const read = (query: { before?: number; max: number }) => store.read((snapshot) => snapshot.audit(query));
    const first = await read({ max: 2 });
    expect(first).toMatchObject([entry('import', 'c'), entry('import', 'b')]);
    const rest = await read({ before: first[1]?.place ?? 0, max: 2 });
    expect(rest.map(({ place: _, ...it }) => it)).toEqual([entry('import', 'a')]);
    expect(await place(store)).toBe(first[0]?.place);
  });

  test('a commit finds the place of the newest audit entry, if there is one', async () => {
    const { store } = await open();
    expect(await place(store)).toBe(-1);
    await store.identity.addAudit(entry('import', 'a'));
    const [newest] = await store.read((snapshot) => snapshot.audit({ max: 1 }));
    expect(await place(store)).toBe(newest?.place);
  });
}

function place(store: Store): Promise<number> {
  return store.commit((transaction) => transaction.auditPlace());
}
