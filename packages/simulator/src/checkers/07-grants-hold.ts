// 7. No device reads or writes outside its grants, and what it had of a scope goes with the grant.

import type { Committed, MakeChecker } from '../checker.ts';
import { stageOf } from '../shown.ts';

type MayWrite = (serverMs: number) => boolean;

export const grantsHold: MakeChecker = ({ history, fail }) => {
  const invariant = '7 grants hold';
  /** Mutation → the credentials with which it was sent. */
  const senders = new Map<string, MayWrite[]>();
  return {
    invariant,
    stored({ device, ops }) {
      for (const { table, key, value } of ops) {
        if (table !== 'scopes' || key[1] !== 'progress' || value === undefined) continue;
        if (!(value as { ended?: boolean }).ended) continue;
        for (const { key: record } of device.disk.entries('records', [key[0] ?? '']))
          fail(invariant, `${device.name} still shows ${record.join('/')}, and its grant has ended.`);
        if (stageOf(device.disk, key[0] ?? ''))
          fail(
            invariant,
            `${device.name} believes that a stage of ${key[0]} is open, and its grant has ended.`,
          );
      }
    },
    sent({ mutations, mayWrite }) {
      for (const id of mutations) {
        const known = senders.get(id) ?? [];
        known.push(mayWrite);
        senders.set(id, known);
      }
    },
    committed({ scope, writes, serverMs }: Committed) {
      const before = history.scope(scope).verdicts;
      for (const { mutation } of writes.commits)
        if (!history.made.has(mutation) && !isServers(mutation))
          fail(invariant, `${scope}: ${mutation} was committed, and no device has made it.`);
      for (const { verdict } of writes.mutations) {
        const sent = senders.get(verdict.mutation);
        // What is known was judged with a right; what nobody sent is a person's decision at the server.
        if (!sent || before.has(verdict.mutation) || verdict.code === 'no_grant') continue;
        if (!sent.some((mayWrite) => mayWrite(serverMs)))
          fail(
            invariant,
            `${scope}: ${verdict.mutation} is ${verdict.verdict}, and came without a right to write.`,
          );
      }
    },
    answered({ device, scope, answer, mayRead }) {
      if (!answer || mayRead) return;
      const { records, conflicts, head } = answer;
      if (records.length > 0 || conflicts.length > 0 || head !== 0)
        fail(
          invariant,
          `${device} was told of ${scope} (${records.length} records, head ${head}) without a grant.`,
        );
    },
  };
};

/** A person's decision at the server has an id of version 8. */
function isServers(mutation: string): boolean {
  return mutation[14] === '8';
}
