// Who is connected, and what else the routes and sockets of one mount have in common.

import type { Room } from '../../realtime/wire.ts';
import type { Names } from '../names.ts';

export interface Shared {
  names: Names;
  /** What readings of whole scopes may hold together, in characters. */
  room: Room;
  presence: Presence;
}

/** How many sockets are open, and of how many users. */
export interface Presence {
  readonly connections: number;
  readonly users: number;
  enter(scope: string): void;
  leave(scope: string): void;
}

export function createPresence(): Presence {
  const byScope = new Map<string, number>();
  let connections = 0;
  return {
    get connections() {
      return connections;
    },
    get users() {
      return byScope.size;
    },
    enter(scope) {
      connections += 1;
      byScope.set(scope, (byScope.get(scope) ?? 0) + 1);
    },
    leave(scope) {
      connections -= 1;
      const left = (byScope.get(scope) ?? 1) - 1;
      if (left > 0) byScope.set(scope, left);
      else byScope.delete(scope);
    },
  };
}
