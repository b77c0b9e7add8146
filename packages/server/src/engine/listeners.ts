// Who is told when a scope's head moves.

import type { CommitDeps } from './commit.ts';
import type { Engine } from './engine.ts';

type Listener = Parameters<Engine['subscribe']>[1];

export function createListeners(): { add: Engine['subscribe'] } & CommitDeps['followers'] {
  const byScope = new Map<string, Set<Listener>>();
  return {
    /** Answers the way to stop. */
    add(scope, listener) {
      const set = byScope.get(scope) ?? new Set();
      byScope.set(scope, set);
      set.add(listener);
      return () => {
        set.delete(listener);
        if (set.size === 0 && byScope.get(scope) === set) byScope.delete(scope);
      };
    },
    has: (scope) => byScope.has(scope),
    tell(scope, head, known) {
      for (const listener of byScope.get(scope) ?? []) listener(head, known);
    },
  };
}
