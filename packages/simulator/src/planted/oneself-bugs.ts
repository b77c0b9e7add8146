// Bugs of a device that does not know what became of its own work: an answer was lost, or its storage copied or set back.

import type { PlantedBug } from './copy.ts';

export const oneselfBugs: readonly PlantedBug[] = [
  {
    name: 'copyIsOneself',
    harm: 'a storage that was set back writes over what it did not know of, and nobody is told',
    file: 'packages/core/src/touched.ts',
    find: `return seen !== undefined && seq <= seen;`,
    replace: `return seen !== undefined;`,
  },
  {
    name: 'lostAnswerForgotten',
    harm: 'who lost an answer and sends again is in conflict with himself',
    file: 'packages/core/src/plan.ts',
    find: `[...own.repeated, ...seqsOf('this')]`,
    replace: `[]`,
  },
  {
    name: 'renewedForgotten',
    harm: 'who took a new id is in conflict with what it had sent under the former one',
    file: 'packages/core/src/plan.ts',
    find: `noteRepeated(draft, own.writer, seqsOf('other'));`,
    replace: ``,
  },
  {
    name: 'failureTrusted',
    harm: 'what a server took before it failed may be corrected, and then counts twice',
    file: 'packages/client/src/refusal.ts',
    find: `const nothingDone = status < 500;`,
    replace: `const nothingDone = error?.code !== 'internal';`,
  },
  {
    name: 'halfHidden',
    harm: 'half a transfer is seen when the account that it goes to was refused',
    file: 'packages/client/src/outbox.ts',
    find: `return entry.state !== 'conflict' && !entry.hidden;`,
    replace: `return entry.state !== 'conflict';`,
  },
  {
    name: 'givenUpIdServed',
    harm: 'a storage that was set back twice repeats under the first id, and shows what it had sent under the second twice',
    file: 'packages/core/src/replica-use.ts',
    find: `return renewed\n`,
    replace: `return renewed && owner === ''\n`,
  },
  {
    name: 'renewalTrustsUnsent',
    harm: 'after a storage was set back, an effect is seen twice',
    file: 'packages/client/src/renewal.ts',
    find: `return { ...entry, state: 'sent', again: true };`,
    replace: `return entry.state === 'unsent' ? entry : { ...entry, state: 'sent', again: true };`,
  },
];
