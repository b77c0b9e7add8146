// The part of the contract about what protocols keep of devices.

import { expect, test } from 'vitest';
import type { DeviceNote } from './device-notes.ts';
import type { OpenStore } from './writes.fixture.ts';

const note = (device: string, at: number, more: Partial<DeviceNote> = {}): DeviceNote => ({
  ...{ protocol: 'terminal', scope: 'main', device, name: 'heartbeat', at, value: { status: 'ONLINE' } },
  ...more,
});

const query = { protocol: 'terminal', scope: 'main' };

export function testDeviceNotes(open: OpenStore): void {
  test('the last word of each name stays, and null forgets it', async () => {
    const { store } = await open();
    const trigger = note('b', 3, { name: 'trigger', value: ['FULL', 'a "quoted" word'] });
    const others = [note('a', 1, { scope: 'else' }), note('a', 1, { protocol: 'other' })];
    const put = (...notes: DeviceNote[]) =>
      store.commit((transaction) => transaction.putDeviceNotes(notes, 9));
    const list = (device?: string) =>
      store.read((snapshot) => snapshot.deviceNotes(device === undefined ? query : { ...query, device }));
    await put(note('b', 1), note('a', 2, { value: 7 }), trigger, ...others);
    await put(note('a', 4, { value: { deep: { er: true } } }));
    expect(await list()).toEqual([note('a', 4, { value: { deep: { er: true } } }), note('b', 1), trigger]);
    await put({ ...trigger, value: null });
    expect(await list('b')).toEqual([note('b', 1)]);
    expect(await list('nobody')).toEqual([]);
  });

  test('of each name the newest stay', async () => {
    const { store } = await open();
    const put = (...notes: DeviceNote[]) =>
      store.commit((transaction) => transaction.putDeviceNotes(notes, 2));
    await put(note('a', 5), note('b', 1), note('b', 1, { name: 'trigger' }), note('x', 0, { scope: 'else' }));
    await put(note('c', 3));
    const kept = await store.read((snapshot) => snapshot.deviceNotes(query));
    expect(kept.map(({ device, name }) => [device, name])).toEqual([
      ['a', 'heartbeat'],
      ['b', 'trigger'],
      ['c', 'heartbeat'],
    ]);
    expect(await store.read((snapshot) => snapshot.deviceNotes({ ...query, scope: 'else' }))).toHaveLength(1);
  });
}
