// Who is told when a scope's head moves.

export interface Listeners {
  /** Answers the way to stop. */
  add(scope: string, listener: (head: number) => void): () => void;
  tell(heads: ReadonlyMap<string, number>): void;
}

export function createListeners(): Listeners {
  const byScope = new Map<string, Set<(head: number) => void>>();
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
    tell(heads) {
      for (const [scope, head] of heads) for (const listener of byScope.get(scope) ?? []) listener(head);
    },
  };
}
