// Who may do what, and what the engine keeps of those who may not: with keys, on a real store.

import type { Grants } from '@holdfast/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { put, startEngine, type TestEngine } from './engine.fixture.ts';

let t: TestEngine;
beforeEach(async () => {
  t = await startEngine();
});
afterEach(() => t.close());

const audit = { at: 0, actor: '', action: '', subject: '' };
const withKey = (key: string) => ({ caller: { key } });
const item = (id: string) => t.mutation([put('items', id, {})]);
const forbidden = { code: 'forbidden', field: 'scope' };

function addKey(key: string, grants: Grants, device: string | null = null): Promise<void> {
  const dates = { createdAt: 0, expiresAt: null, revokedAt: null };
  return t.store.identity.addCredential(
    { key, name: key, device, grants, secretHash: `of ${key}`, ...dates },
    audit,
  );
}

const devices = async () =>
  (await t.store.read((snapshot) => snapshot.devices())).map(({ device }) => device);

/** Everything that a push could have left behind. */
async function kept(scope: string): Promise<object> {
  const counts = await t.engine.inspect.counts();
  const replicas = await t.store.read((snapshot) =>
    Promise.all(['a', 'b', 'x', 'y'].map((replica) => snapshot.replica(scope, replica))),
  );
  return { ...counts, bytes: 0, replicas };
}

describe('reading', () => {
  test('a scope without a grant tells nothing: no records, no head, the grants', async () => {
    await t.push('b', 1, [item('i1')], { scope: 'secret' });
    await addKey('k1', [{ scope: 'main', right: 'write' }]);
    const reader = { key: 'k1', device: 'device-a', actor: '' };
    const there = await t.engine.pull(reader, 'secret', { after: null });
    const nowhere = await t.engine.pull(reader, 'never', { after: null });
    expect(there).toEqual(nowhere);
    const asking = { after: null, verdictsOf: { replica: 'b', seen: 0 } };
    expect(await t.engine.pull(reader, 'secret', asking)).toEqual(nowhere);
    expect(there).toMatchObject({ records: [], head: 0, grants: [{ scope: 'main', right: 'write' }] });
  });

  test('unknown and foreign conflicts answer alike', async () => {
    await addKey('k1', [{ scope: 'other', right: 'write' }]);
    await t.push('a', 1, [t.mutation([put('shelves', 's1', { name: 'A' })])]);
    await t.push('b', 1, [t.mutation([put('shelves', 's1', { name: 'B' })])]);
    const ask = (key: string | null, conflict: number) =>
      t.engine
        .resolve(
          { key, device: 'device-a', actor: '' },
          'main',
          conflict,
          { seenVersion: 1 },
          { type: 'server' },
        )
        .catch(({ code, message }) => [code, message]);
    expect(await ask('k1', 1)).toEqual(await ask('k1', 99));
    expect(await ask('k1', 1)).toEqual(await ask(null, 99));
    expect(await ask(null, 1)).toMatchObject({ conflict: { state: 'settled' } });
  });
});

describe('a device that is not known', () => {
  test('and has no right in the scope is refused, whether the scope is there or not; nothing is kept', async () => {
    await addKey('k1', [{ scope: 'own', right: 'write' }]);
    await t.push('b', 1, [item('i1')], { scope: 'foreign' });
    const before = await kept('foreign');
    for (const [who, scope] of [
      ['x', 'foreign'],
      ['x', 'absent'],
      // The replica of somebody else.
      ['b', 'foreign'],
    ] as const)
      await expect(
        t.push(who, 1, [item('i2')], { scope, caller: { key: 'k1', device: 'stranger' } }),
      ).rejects.toMatchObject(forbidden);
    expect(await kept('foreign')).toEqual(before);
    expect(await devices()).toEqual(['device-b']);
  });

  test('registers with a right, to read or to write', async () => {
    await addKey('k1', [
      { scope: 'own', right: 'write' },
      { scope: 'seen', right: 'read' },
    ]);
    await t.push('x', 1, [item('i1')], { scope: 'own', ...withKey('k1') });
    await t.push('y', 1, [item('i1')], { scope: 'seen', ...withKey('k1') });
    expect(await devices()).toEqual(['device-x', 'device-y']);
  });
});

test('a scope that is there and one that is not answer a device without a right alike, whatever replica it names', async () => {
  await addKey('k1', [{ scope: 'own', right: 'write' }]);
  const sent = item('i1');
  await t.push('b', 1, [sent], { scope: 'foreign' });
  await t.push('a', 1, [item('i2')], { scope: 'own', ...withKey('k1') });
  const caller = { key: 'k1', device: 'device-a', actor: '' };
  const mine = item('i3');
  const answers = [];
  for (const scope of ['foreign', 'absent']) {
    const seen = [];
    for (const [who, n] of [
      ['b', 1],
      ['b', 1],
      ['b', 2],
      ['x', 1],
    ] as const) {
      seen.push(await t.push(who, n, [sent, mine], { scope, caller }));
      seen.push(await t.engine.pull(caller, scope, { after: null, verdictsOf: { replica: who, seen: 0 } }));
    }
    answers.push(seen);
  }
  expect(answers[0]).toEqual(answers[1]);
  expect(answers[0]?.[0]).toMatchObject({
    verdicts: [
      { verdict: 'rejected', n: 1 },
      { code: 'no_grant', n: 2 },
    ],
  });
  expect(JSON.stringify(answers)).not.toContain('"seq"');
  // The owner notices nothing.
  expect((await t.push('b', 1, [sent], { scope: 'foreign' })).verdicts).toMatchObject([{ n: 1, seq: 1 }]);
});

test('nor does a checkpoint tell a device without a right whether the scope is there, or how far it has come', async () => {
  await addKey('k1', [{ scope: 'own', right: 'write' }]);
  for (let n = 1; n <= 3; n++) await t.push('b', n, [item(`i${n}`)], { scope: 'foreign' });
  await t.push('a', 1, [item('i9')], { scope: 'own', ...withKey('k1') });
  const { checkpoint } = await t.pull('b', {}, 'foreign');
  const [life = ''] = (checkpoint ?? '').split('.');
  const device = { key: 'k1', actor: '' };
  for (const given of [checkpoint ?? '', `${life}.2.5`, `${life}.99.5`, 'other.1.1', 'x', '']) {
    const answers = [];
    for (const scope of ['foreign', 'absent'])
      for (const [who, known] of [
        ['a', true],
        ['stranger', false],
      ] as const) {
        const caller = { ...device, device: known ? 'device-a' : who };
        const asked = { scope, caller, checkpoint: given };
        const pushed = await t
          .push(who, 1, [item('i8')], asked)
          .catch(({ code, field, details }) => ({ code, field, details }));
        const after = { checkpoint: given };
        const pulled = await t.engine
          .pull(caller, scope, { after })
          .catch(({ code, details }) => ({ code, details }));
        answers.push(JSON.stringify([known, pushed, pulled]).replace(/"mutation":"[^"]+"/g, ''));
      }
    expect(answers.slice(0, 2), given).toEqual(answers.slice(2));
  }
});

test('no device takes the place of the server’s own replicas', async () => {
  await expect(t.push('holdfast:import', 1, [item('i1')])).rejects.toMatchObject({
    code: 'forbidden',
    field: 'replica',
  });
});

describe('how many devices register', () => {
  test('with one key: no more than its bound; another key, and those that are known, go on', async () => {
    await t.close();
    t = await startEngine({ limits: { devicesPerKeyMax: 2 } });
    for (const key of ['k1', 'k2']) await addKey(key, 'all');
    for (const who of ['a', 'b']) await t.push(who, 1, [item(who)], withKey('k1'));
    await expect(t.push('c', 1, [item('c')], withKey('k1'))).rejects.toMatchObject({
      code: 'too_many',
      field: 'device',
    });
    expect(await devices()).toEqual(['device-a', 'device-b']);
    expect(await t.push('a', 2, [item('a2')], withKey('k1'))).toMatchObject({
      verdicts: [{ verdict: 'applied' }],
    });
    await t.push('c', 1, [item('c')], withKey('k2'));
    expect(await devices()).toHaveLength(3);
  });

  test('in one group, too; and two keys do not make room for each other', async () => {
    await t.close();
    t = await startEngine({ limits: { devicesPerKeyMax: 2 } });
    for (const key of ['k1', 'k2']) await addKey(key, 'all');
    let n = 0;
    const come = async (key: string, who: readonly string[]) => {
      n += 1;
      const pushes = who.map((name) => t.push(name, n, [item(`${name}-${n}`)], withKey(key)));
      return (await Promise.allSettled(pushes)).map(({ status }) => status);
    };
    expect(await come('k1', ['a', 'b', 'c'])).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    // They come with the other key, and are counted there.
    expect(await come('k2', ['a', 'b'])).toEqual(['fulfilled', 'fulfilled']);
    expect(await come('k1', ['c', 'd', 'e'])).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    // There is no room for these two now: they are served, and stay counted where they were.
    expect(await come('k2', ['c', 'd'])).toEqual(['fulfilled', 'fulfilled']);
    expect(await come('k1', ['f'])).toEqual(['rejected']);
    expect(await devices()).toHaveLength(4);
  });

  test('in all: those without a right take none of the room', async () => {
    await t.close();
    t = await startEngine({ limits: { devicesMax: 1, devicesPerKeyMax: 1 } });
    await addKey('k1', []);
    for (const who of ['x', 'y'])
      await expect(t.push(who, 1, [item('i1')], withKey('k1'))).rejects.toMatchObject(forbidden);
    await t.push('a', 1, [item('i1')]);
    await expect(t.push('b', 1, [item('i2')])).rejects.toMatchObject({ code: 'too_many' });
  });
});

describe('an enrolled device', () => {
  const own = (key: string) => ({ caller: { key, device: 'till' } });

  test('is spoken for by its own key alone, also when that has ended', async () => {
    await addKey('all', 'all');
    const code = { codeHash: 'c', device: null, name: 'Till', grants: 'all' as const, expiresAt: 10 };
    await t.store.identity.addEnrolmentCode(code, audit);
    const device = {
      ...{ device: 'till', name: 'Till', role: '', address: '', key: 'k1' },
      ...{ createdAt: 1, seenAt: 1, revokedAt: null },
    };
    const credential = {
      key: 'k1',
      name: 'Till',
      device: 'till',
      createdAt: 1,
      expiresAt: null,
      revokedAt: null,
    };
    await t.store.identity.enrol('c', 1, device, { ...credential, secretHash: 'x' });
    await t.push('a', 1, [item('i1')], own('k1'));
    const foreign = { code: 'forbidden', field: 'device' };
    const others = async () => {
      await expect(t.push('b', 1, [item('i2')], own('all'))).rejects.toMatchObject(foreign);
      await expect(
        t.engine.pull({ key: 'all', device: 'till', actor: '' }, 'main', { after: null }),
      ).rejects.toMatchObject(foreign);
    };
    await others();
    await t.store.identity.revokeCredential('k1', 2, audit);
    await others();
    // A server without authentication serves it by its name, and forgets nothing of this.
    await t.push('a', 2, [item('i2')], { caller: { key: null, device: 'till' } });
    await others();
  });
});

describe('who may not write', () => {
  test('is told so by verdicts, which are kept in the quarantine and change nothing', async () => {
    await addKey('k1', [{ scope: 'main', right: 'read' }]);
    const { verdicts } = await t.push(
      'a',
      1,
      [t.mutation([put('sales', 's1', { amount: 1 })])],
      withKey('k1'),
    );
    expect(verdicts).toMatchObject([{ verdict: 'rejected', code: 'no_grant' }]);
    expect((await t.engine.inspect.counts()).collections).toEqual([]);
    expect(await t.engine.inspect.quarantine({ device: 'device-a', max: 10 })).toMatchObject([
      { code: 'no_grant' },
    ]);
  });

  test.each(['read', 'none'] as const)(
    '(%s) decides nothing for others, and learns nothing of what they sent',
    async (right) => {
      await addKey('k1', right === 'read' ? [{ scope: 'main', right }] : []);
      // It had a right once.
      await t.push('x', 1, [item('i0')]);
      const first = item('i1');
      const refused = await t.push('x', 2, [first], withKey('k1'));
      expect(refused.verdicts).toMatchObject([{ verdict: 'rejected', code: 'no_grant' }]);
      // Again: the same answer. And the owner's mutation is judged as if nobody had sent it before.
      expect((await t.push('x', 2, [first], withKey('k1'))).verdicts).toEqual(refused.verdicts);
      expect(await t.push('a', 1, [first])).toMatchObject({ verdicts: [{ verdict: 'applied', seq: 2 }] });
      const second = item('i2');
      await t.push('a', 2, [second]);
      const copied = await t.push('x', 3, [second, { ...second, actor: 'other' }], withKey('k1'));
      expect(copied.verdicts[0]).toMatchObject({ verdict: 'rejected', code: 'no_grant' });
      expect(copied.verdicts[0]?.seq).toBeUndefined();
    },
  );

  test('a refusal stands when the right returns: the work was sent again under a new id meanwhile', async () => {
    await addKey('k1', []);
    await t.push('a', 1, [item('i0')]);
    const late = item('i1');
    await t.push('a', 2, [late], withKey('k1'));
    expect((await t.push('a', 3, [late])).verdicts).toMatchObject([
      { verdict: 'rejected', code: 'no_grant' },
    ]);
  });

  test('any more still gets the verdicts of what it sent before', async () => {
    await addKey('k1', []);
    const mutation = item('i1');
    await t.push('a', 1, [mutation]);
    const { verdicts } = await t.push('a', 1, [mutation], withKey('k1'));
    expect(verdicts).toMatchObject([{ verdict: 'applied', seq: 1, n: 1 }]);
  });

  test.each(['read', 'none'] as const)(
    '(%s) makes the server remember a bounded number of refusals, over all scopes and replicas',
    async (right) => {
      await t.close();
      const limits = { refusalsPerDeviceMax: 3, batchMutationsMax: 3, replicasPerDeviceMax: 2 };
      t = await startEngine({ limits });
      await addKey('k1', right === 'read' ? ['main', 'other'].map((scope) => ({ scope, right })) : []);
      for (const scope of ['main', 'other']) await t.push('a', 1, [item('i0')], { scope });
      const first = [item('i1'), item('i2')];
      const answers = await Promise.allSettled([
        t.push('a', 2, first, withKey('k1')),
        // In the same group: two more would be one too many.
        t.push('a', 2, [item('i3'), item('i4')], { scope: 'other', ...withKey('k1') }),
      ]);
      expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
      await t.push('a', 3, [item('i5')], { scope: 'other', ...withKey('k1') });
      const before = await kept('main');
      await expect(t.push('a', 4, [item('i6')], withKey('k1'))).rejects.toMatchObject(forbidden);
      expect(await kept('main')).toEqual(before);
      expect((await t.push('a', 2, first, withKey('k1'))).verdicts).toHaveLength(2);
    },
  );

  test('(read) is known by a bounded number of replicas in a scope', async () => {
    await t.close();
    t = await startEngine({ limits: { replicasPerDeviceMax: 2 } });
    await addKey('k1', [{ scope: 'main', right: 'read' }]);
    const caller = { key: 'k1', device: 'board' };
    const one = item('i1');
    for (const who of ['a', 'b']) await t.push(who, 1, [one], { caller });
    await expect(t.push('x', 1, [one], { caller })).rejects.toMatchObject(forbidden);
    expect((await t.push('a', 1, [one], { caller })).verdicts).toMatchObject([{ code: 'no_grant' }]);
  });

  test('leaves no scope behind', async () => {
    await addKey('k1', [{ scope: 'nowhere', right: 'read' }]);
    await t.push('a', 1, [item('i1')], { scope: 'nowhere', ...withKey('k1') });
    expect((await t.engine.inspect.scopes('', 10)).map(({ scope }) => scope)).toEqual([]);
  });
});

test('a revoked key and a revoked device are refused from the next commit on', async () => {
  await addKey('k1', 'all');
  await t.push('a', 1, [item('i1')], withKey('k1'));
  await t.store.identity.revokeCredential('k1', 1, audit);
  await expect(t.push('a', 2, [item('i2')], withKey('k1'))).rejects.toMatchObject({
    code: 'unauthenticated',
  });
  await t.store.identity.revokeDevice('device-a', 1, audit);
  await expect(t.push('a', 2, [item('i2')])).rejects.toMatchObject({ code: 'device_revoked' });
  await expect(t.pull('a')).rejects.toMatchObject({ code: 'device_revoked' });
  expect((await t.pull('b')).head).toBe(1);
});
