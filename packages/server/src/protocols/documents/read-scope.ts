// Reads all that a user has, or what changed behind a stamp, a page at a time up to the head. What changes meanwhile moves behind
// what was read, so that each record is met again and stands in its latest form.

import { RequestError, type StoredRecord } from '@holdfast/core';
import type { Caller, Engine, PullResult } from '../../engine/engine.ts';
import type { Room } from '../../realtime/wire.ts';
import type { Names } from '../names.ts';
import { stampOfNothing } from '../time.ts';
import { documentText } from './translate.ts';
import { unauthenticated } from './wire.ts';

export interface ScopeReading {
  engine: Pick<Engine, 'pull'>;
  nowMs: () => number;
  names: Names;
  /** What all readings together may hold, in characters. */
  room: Room;
}

/** What was read: by the name of its collection on the wire, and by its id. */
export interface ScopeContent {
  /** Texts of documents. */
  live: ReadonlyMap<string, Iterable<string>>;
  /** Ids of deleted ones, as JSON. */
  deleted: ReadonlyMap<string, Iterable<string>>;
  /** Up to here it was read. */
  stamp: number;
}

/**
 * Hands what it read to `use`, and holds room for it until then. Throws RequestError: `overloaded` without room, `unauthenticated` for
 * one who may not read the scope.
 */
export async function readScope<Result>(
  { engine, nowMs, names, room }: ScopeReading,
  { caller, scope, since }: { caller: Caller; scope: string; since: number | null },
  use: (content: ScopeContent) => Result,
): Promise<Result> {
  const live = new Map<string, Map<string, string>>();
  const deleted = new Map<string, Map<string, string>>();
  let held = 0;
  const hold = (chars: number): void => {
    if (!room.take(chars)) throw new RequestError('overloaded');
    held += chars;
  };
  const note = (record: StoredRecord): void => {
    const at = names.wire(record.collection);
    if (!at) return;
    const { id, body } = record;
    inside(live, at.wire).delete(id);
    inside(deleted, at.wire).delete(id);
    if (body === null && since === null) return;
    const text = body === null ? JSON.stringify(id) : documentText(at, id, body);
    hold(text.length);
    inside(body === null ? deleted : live, at.wire).set(id, text);
  };
  try {
    let stamp = since ?? 0;
    for (;;) {
      const page = await engine.pull(caller, scope, { after: { stamp } });
      checkReads(page, scope);
      for (const record of page.records) note(record);
      stamp = page.head === 0 ? stampOfNothing(stamp, nowMs()) : page.stamp;
      if (!page.more) return use({ live: texts(live), deleted: texts(deleted), stamp });
    }
  } finally {
    room.give(held);
  }
}

/** Throws RequestError `unauthenticated`: whether there is such a user is nobody else's business. */
export function checkReads({ grants }: Pick<PullResult, 'grants'>, scope: string): void {
  if (grants !== 'all' && !grants.some((grant) => grant.scope === scope)) throw unauthenticated();
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

function inside(all: Map<string, Map<string, string>>, name: string): Map<string, string> {
  const found = all.get(name) ?? new Map<string, string>();
  all.set(name, found);
  return found;
}

function texts(all: ReadonlyMap<string, Map<string, string>>): Map<string, Iterable<string>> {
  return new Map([...all].map(([name, byId]) => [name, byId.values()]));
}
