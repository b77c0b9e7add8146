// Who is told when a scope's head moves.

import type { CommitDeps } from './commit.ts';
import type { Engine } from './engine.ts';
import type { Heads } from './heads.ts';

type Listener = Parameters<Engine['subscribe']>[1];

export interface Listeners {
  /** Answers the way to stop. */
  add: Engine['subscribe'];
  has(scope: string): boolean;
  tell(scope: string, ...told: Parameters<Listener>): void;
}

export function createListeners(): Listeners {
  const byScope = new Map<string, Set<Listener>>();
  return {
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
    tell(scope, ...told) {
      for (const listener of byScope.get(scope) ?? []) listener(...told);
    },
  };
}

/** What a commit tells: where the head is now, and whoever follows. */
export function followersOf(listeners: Listeners, heads: Heads): CommitDeps['followers'] {
  return {
    has: listeners.has,
    tell(scope, state, known) {
      heads.note(scope, state);
      listeners.tell(scope, state.head, known);
    },
  };
}
