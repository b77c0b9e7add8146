// 3. A mutation is visible whole or not at all: on every replica, and in every run of native pages.
//
// Money is only moved between accounts, so whatever a device shows adds up to nothing, between any two steps.

import type { MakeChecker } from '../checker.ts';
import { tenths } from '../history.ts';

export const wholeOrNot: MakeChecker = ({ fail }) => {
  const invariant = '3 whole or not at all';
  /** device scope → account → balance in tenths. */
  const shown = new Map<string, Map<string, number>>();
  return {
    invariant,
    restarted({ name, disk }) {
      for (const key of [...shown.keys()]) if (key.startsWith(`${name} `)) shown.delete(key);
      for (const { key, value } of disk.entries('records'))
        if (key[1] === 'accounts') accountsOf(shown, name, key[0] ?? '').set(key[2] ?? '', balanceIn(value));
    },
    stored({ device, ops }) {
      const scopes = new Set<string>();
      for (const { table, key, value } of ops) {
        if (table !== 'records' || key[1] !== 'accounts') continue;
        const [scope = '', , id = ''] = key;
        scopes.add(scope);
        const accounts = accountsOf(shown, device.name, scope);
        if (value === undefined) accounts.delete(id);
        else accounts.set(id, balanceIn(value));
      }
      for (const scope of scopes) {
        let sum = 0;
        for (const balance of accountsOf(shown, device.name, scope).values()) sum += balance;
        if (sum !== 0)
          fail(invariant, `${device.name} shows accounts of ${scope} that add up to ${sum / 10}.`);
      }
    },
  };
};

function accountsOf(
  all: Map<string, Map<string, number>>,
  device: string,
  scope: string,
): Map<string, number> {
  const name = `${device} ${scope}`;
  const found = all.get(name) ?? new Map<string, number>();
  all.set(name, found);
  return found;
}

function balanceIn(value: unknown): number {
  return tenths((value as { body: { balance?: number } }).body.balance);
}
