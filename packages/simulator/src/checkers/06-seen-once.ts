// 6. Of the view: an effect is never seen twice, and never vanishes, between any two steps.
//
// A balance that a device shows is the server's at the visible seq, plus what the device itself has added and the server had not
// applied by then. Whatever is applied up to the visible seq must not be counted again from the outbox.

import type { Mutation } from '@holdfast/core';
import type { DeviceView, MakeChecker } from '../checker.ts';
import { addedTenths, tenths } from '../history.ts';

interface Entry {
  mutation: Mutation;
  state: string;
}

interface Account {
  body: { balance?: number };
}

export const seenOnce: MakeChecker = ({ history, fail }) => {
  const invariant = '6 seen once';
  const check = (device: DeviceView, scope: string): void => {
    const progress = device.disk.get<{ seq: number; ended: boolean }>('scopes', [scope, 'progress']);
    if (!progress || progress.ended) return;
    const { seq } = progress;
    const known = history.scope(scope);
    const entries = device.disk.entries<Entry>('outbox', [scope]).map(({ value }) => value);
    for (const { mutation, state } of entries) {
      const applied = known.applied.get(mutation.id);
      if (state !== 'conflict' && applied !== undefined && applied <= seq)
        fail(
          invariant,
          `${device.name} at ${seq} still counts ${mutation.id}, which was applied at ${applied}.`,
        );
    }
    for (const { key, value } of device.disk.entries<Account>('records', [scope, 'accounts'])) {
      const record = `accounts/${key[2]}`;
      const base = history.at(scope, record, seq)?.body;
      if (base === undefined || base === null) continue;
      let expected = tenths(JSON.parse(base).balance);
      for (const { mutation, state } of entries)
        if (state !== 'conflict') expected += addedTenths(mutation.changes, record, 'balance');
      const shown = tenths(value.body.balance);
      if (shown !== expected)
        fail(
          invariant,
          `${device.name} at ${scope} ${seq} shows ${shown / 10} in ${record}, not ${expected / 10}.`,
        );
    }
  };
  return {
    invariant,
    stored({ device, ops }) {
      const scopes = new Set<string>();
      for (const { table, key } of ops)
        if (table === 'records' || table === 'outbox' || table === 'scopes') scopes.add(key[0] ?? '');
      for (const scope of scopes) check(device, scope);
    },
    restarted(device) {
      for (const { key } of device.disk.entries('scopes')) check(device, key[0] ?? '');
    },
  };
};
