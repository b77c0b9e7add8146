// 7. No device reads or writes outside its grants, and what it had of a scope goes with the grant.

import type { MakeChecker } from '../checker.ts';

export const grantsHold: MakeChecker = ({ fail }) => {
  const invariant = '7 grants hold';
  return {
    invariant,
    stored({ device, ops }) {
      for (const { table, key, text } of ops) {
        if (table !== 'scopes' || key[1] !== 'progress' || text === undefined) continue;
        if (!JSON.parse(text).ended) continue;
        for (const { key: record } of device.disk.entries('records', [key[0] ?? '']))
          fail(invariant, `${device.name} still shows ${record.join('/')}, and its grant has ended.`);
      }
    },
    answered({ device, scope, status, text, mayRead }) {
      if (mayRead || status !== 200) return;
      const { records, conflicts, head } = JSON.parse(text);
      if (records.length > 0 || conflicts.length > 0 || head !== 0)
        fail(
          invariant,
          `${device} was told of ${scope} (${records.length} records, head ${head}) without a grant.`,
        );
    },
  };
};
