// Bugs of live sockets: what is told without being asked for, to whom, and how much of it.

import type { PlantedBug } from './copy.ts';

const follow = 'packages/client/src/follow.ts';

export const liveBugs: readonly PlantedBug[] = [
  {
    name: 'livePageOnTop',
    harm: 'an own change is seen twice while a live page is quicker than its verdict',
    file: follow,
    find: `await writeEntry(tx, scope, { ...entry, hidden: true }, entry);`,
    replace: ``,
  },
  {
    name: 'livePageAnywhere',
    harm: 'a live page is applied although one before it was lost',
    file: follow,
    find: `{ ...page, more: false }`,
    replace: `{ ...page, from: progress.checkpoint, more: false }`,
  },
  {
    name: 'feedAsksOnce',
    harm: 'a device goes on hearing of a scope after its grant was taken back',
    file: 'packages/server/src/engine/follow.ts',
    find: `return newest === undefined ? -1 : newest.place;`,
    replace: `return newest === undefined ? -1 : 0;`,
  },
  {
    name: 'slowSocketFed',
    harm: 'a device that reads slowly makes the server hold as much as comes',
    file: 'packages/server/src/realtime/subscription.ts',
    find: `return this.#exchanges > 0 || this.#deps.line.isBehind;`,
    replace: `return this.#exchanges > 0;`,
  },
  {
    name: 'socketKeepsItsKey',
    harm: 'a device that was given a new key goes on under the old one',
    file: 'packages/client/src/transport/websocket.ts',
    find: `if (!this.#line || this.#lineKey === this.#key()) return;`,
    replace: `return;`,
  },
];
