// What the routes and the sockets of one mount share: names, room for readings, and who is connected.

import type { Room } from '../../realtime/wire.ts';
import type { Names } from './translate.ts';

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

export function createRoom(max: number): Room {
  let left = max;
  return {
    take(size) {
      if (size > left) return false;
      left -= size;
      return true;
    },
    give(size) {
      left += size;
    },
  };
}
