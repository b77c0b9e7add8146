// Where the commits of this process left the scopes that moved last. A checkpoint there needs no look at the store: it names the
// present life, and what was committed in it stays while the process lives.

import type { ScopeState } from '@holdfast/core';
import type { Position } from './checkpoint.ts';

type Head = Pick<ScopeState, 'head' | 'stamp'>;

export interface Heads {
  note(scope: string, head: Head): void;
  /** Whether the position is the scope's head, as far as is known here. */
  isAt(scope: string, position: Position): boolean;
}

/** Knows at most `scopesMax`; the scope that has not moved for longest is forgotten first. */
export function createHeads(life: string, scopesMax: number): Heads {
  const heads = new Map<string, Head>();
  return {
    note(scope, { head, stamp }) {
      heads.delete(scope);
      heads.set(scope, { head, stamp });
      if (heads.size <= scopesMax) return;
      for (const oldest of heads.keys()) {
        heads.delete(oldest);
        return;
      }
    },
    isAt(scope, position) {
      const known = heads.get(scope);
      return position.life === life && position.seq === known?.head && position.stamp === known.stamp;
    },
  };
}
