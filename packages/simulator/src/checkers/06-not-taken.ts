// 6. What a device says of rejected work is so: of what was certainly not taken, and may be made again otherwise, nothing is applied.
//
// Another life of a storage that was copied or set back may have sent what this one never did; of that nobody can be certain.

import type { MakeChecker } from '../checker.ts';

interface Kept {
  mutation: { id: string };
  undecided: boolean;
}

export const notTaken: MakeChecker = ({ history, fail }) => {
  const invariant = '6 not taken';
  /** Mutation → the device that says it of it. */
  const untaken = new Map<string, string>();
  return {
    invariant,
    stored({ device, ops }) {
      for (const { table, key, value } of ops) {
        if (table !== 'quarantine' || value === undefined) continue;
        const { mutation, undecided } = value as unknown as Kept;
        if (undecided || history.forked.has(mutation.id)) continue;
        untaken.set(mutation.id, device.name);
        const seq = history.scope(key[0] ?? '').applied.get(mutation.id);
        if (seq !== undefined)
          fail(
            invariant,
            `${device.name} says that ${mutation.id} was not taken, which was applied at ${seq}.`,
          );
      }
    },
    // A power cut may take what was said: the storage then stands as it did before.
    restarted({ name, disk }) {
      for (const [id, device] of untaken) if (device === name) untaken.delete(id);
      for (const { value } of disk.entries<Kept>('quarantine'))
        if (!value.undecided && !history.forked.has(value.mutation.id)) untaken.set(value.mutation.id, name);
    },
    committed({ scope, writes }) {
      for (const { seq, mutation } of writes.commits) {
        const device = untaken.get(mutation);
        if (device !== undefined && !history.forked.has(mutation))
          fail(
            invariant,
            `${scope} applies ${mutation} at ${seq}, of which ${device} says that it was not taken.`,
          );
      }
    },
  };
};
