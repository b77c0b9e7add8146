// Reads about the engine's state for the operator: nothing here writes.

import type { Store } from '../store/port.ts';
import type { Inspect } from './engine.ts';

export function createInspect(store: Store): Inspect {
  return {
    counts: () => store.read((snapshot) => snapshot.counts()),
    tally: (scope) => store.read((snapshot) => snapshot.tally(scope)),
    unread: (scope, { writer, collections }) =>
      store.read(async (snapshot) => {
        const tally = await snapshot.tally(scope);
        const behind = await Promise.all(
          collections.map(async ({ collection, seq }) => {
            const stamp = seq === 0 ? 0 : ((await snapshot.commitStamp(scope, seq))?.last ?? 0);
            return { collection, stamp };
          }),
        );
        const counts = await snapshot.unread(scope, writer, behind);
        return collections.map(({ collection }, place) => ({
          collection,
          live: tally.find((one) => one.collection === collection)?.records ?? 0,
          unread: counts[place]?.all ?? 0,
          unreadLive: counts[place]?.live ?? 0,
        }));
      }),
    conflictTally: (scope, device) => store.read((snapshot) => snapshot.conflictTally(scope, device)),
    owner: (scope, claimed) =>
      store.read(async (snapshot) => {
        const id = await snapshot.owner(scope, claimed);
        if (id === undefined) return undefined;
        const [record] = await snapshot.records(scope, [{ collection: claimed.collection, id }]);
        return record;
      }),
    scopes: (after, max) =>
      store.read(async (snapshot) => {
        const names = await snapshot.scopeNames(after, max);
        const states = await Promise.all(names.map((name) => snapshot.scope(name)));
        return names.map((scope, place) => {
          const state = states[place];
          return {
            scope,
            head: state?.head ?? 0,
            conflictsOpen: state?.conflictsOpen ?? 0,
            held: state?.held ?? 0,
          };
        });
      }),
    numbered: (scope, number) => store.read((snapshot) => snapshot.numbered(scope, number)),
    conflicts: (scope, query) => store.read((snapshot) => snapshot.conflicts(scope, query)),
    async conflictCounts(scope) {
      const state = await store.read((snapshot) => snapshot.scope(scope));
      return { all: state?.conflictNumber ?? 0, open: state?.conflictsOpen ?? 0 };
    },
    quarantine: (query) => store.read((snapshot) => snapshot.quarantine(query)),
    history: (scope, collection, id, max) =>
      store.read((snapshot) => snapshot.history(scope, collection, id, max)),
    reads: (scope) => store.read((snapshot) => snapshot.reads(scope)),
  };
}
