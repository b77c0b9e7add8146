// 7. No error, count or verdict tells a device what others do: an answer names mutations that the device itself has held, and
// conflicts in which something is its own.

import type { MakeChecker } from '../checker.ts';

export const nothingOfOthers: MakeChecker = ({ fail }) => {
  const invariant = '7 nothing of others';
  /** Name at the server → the mutations that devices of this name ever held. */
  const own = new Map<string, Set<string>>();
  const ownOf = (device: string): Set<string> => {
    const ids = own.get(device) ?? new Set<string>();
    own.set(device, ids);
    return ids;
  };
  return {
    invariant,
    stored({ device, ops }) {
      for (const { table, key } of ops)
        if (table === 'marks' && key[1] === 'id') ownOf(device.enrolledAs).add(key[2] ?? '');
    },
    restarted(device) {
      for (const { key } of device.disk.entries('marks'))
        if (key[1] === 'id') ownOf(device.enrolledAs).add(key[2] ?? '');
    },
    answered({ device, enrolledAs, scope, answer }) {
      if (!answer) return;
      const ids = ownOf(enrolledAs);
      for (const { mutation } of [...answer.verdicts, ...answer.errors])
        if (!ids.has(mutation))
          fail(invariant, `${device} was told of ${mutation} in ${scope}, which it never made.`);
      for (const { id, mutations } of answer.conflicts)
        if (!mutations.some((mutation) => ids.has(mutation)))
          fail(invariant, `${device} was told of conflict ${id} of ${scope}, in which nothing is its own.`);
    },
  };
};
