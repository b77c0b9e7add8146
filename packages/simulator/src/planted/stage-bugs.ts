// Bugs of a first sync that opens by stages.

import type { PlantedBug } from './copy.ts';

export const stageBugs: readonly PlantedBug[] = [
  {
    name: 'stageShownTwice',
    harm: 'an effect is seen twice while some of what it touches is not open yet',
    file: 'packages/client/src/stages.ts',
    find: `if (open && isSettled(entry) && isOpen(open, key) && (entry.asOf ?? 0) <= open.seq) return false;`,
    replace: ``,
  },
  {
    name: 'stageLetsGo',
    harm: 'an effect vanishes where it is not open yet',
    file: 'packages/client/src/verdicts.ts',
    find: `const gone = !open || isAllOpen(open, entry);`,
    replace: `const gone = true;`,
  },
  {
    name: 'stageIsAll',
    harm: 'what no stage names never comes',
    file: 'packages/client/src/pages.ts',
    find: `await writeOpenStage(tx, deps.scope, { collections: run.collections, seq: page.head });`,
    replace: `progress.checkpoint = page.checkpoint;\n    await writeOpenStage(tx, deps.scope, { collections: run.collections, seq: page.head });`,
  },
];
