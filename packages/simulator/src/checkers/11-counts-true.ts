// 11. Bounded: the counts by which the server bounds what it holds are those of what it was given to keep.
//
// A count that strays lets a peer make the server hold more than it may, or shuts a device out that holds nothing.

import type { HeldMutation, Limits } from '@holdfast/core';
import type { Checker, Committed, MakeChecker, Watched } from '../checker.ts';

/** Of one scope. */
interface Kept {
  held: Map<string, HeldMutation>;
  /** Replica → its mutations that wait for a parent. */
  waiting: Map<string, number>;
  /** Those that it was the first to send. */
  first: Map<string, number>;
  open: Set<number>;
}

export function countsTrue(limits: Limits): MakeChecker {
  return (watched) => createCountsTrue(limits, watched);
}

function createCountsTrue({ waitingPerReplicaMax }: Limits, { fail }: Watched): Checker {
  const invariant = '11 counts true';
  const scopes = new Map<string, Kept>();
  const keptOf = (scope: string): Kept => {
    const kept = scopes.get(scope) ?? {
      held: new Map(),
      waiting: new Map(),
      first: new Map(),
      open: new Set<number>(),
    };
    scopes.set(scope, kept);
    return kept;
  };
  return {
    invariant,
    committed({ scope, writes }) {
      const kept = keptOf(scope);
      const counted = take(kept, writes);
      const compare = (what: string, said: number, is: number): void => {
        if (said !== is) fail(invariant, `${scope} counts ${said} ${what}, and keeps ${is}.`);
      };
      compare('held mutations', writes.scope.held, kept.held.size);
      compare('open conflicts', writes.scope.conflictsOpen, kept.open.size);
      for (const { replica, waiting } of writes.replicas) {
        compare(`waiting mutations of ${replica}`, waiting, kept.waiting.get(replica) ?? 0);
        counted.delete(replica);
      }
      // A copy of a storage has waiting what its original sent; that bounds itself.
      for (const [replica, first] of kept.first)
        if (first > waitingPerReplicaMax)
          fail(
            invariant,
            `${replica} made ${scope} hold ${first} mutations, and may have ${waitingPerReplicaMax}.`,
          );
      for (const replica of counted) fail(invariant, `${scope} does not count what waits of ${replica}.`);
    },
  };
}

/** Answers the replicas whose count has changed. */
function take(kept: Kept, { held, conflicts }: Committed['writes']): Set<string> {
  const before = new Map(kept.waiting);
  for (const id of held.remove) put(kept, id, undefined);
  for (const mutation of held.put) put(kept, mutation.mutation.id, mutation);
  for (const { id, state } of conflicts) {
    if (state === 'open') kept.open.add(id);
    else kept.open.delete(id);
  }
  return new Set([...kept.waiting.keys()].filter((key) => kept.waiting.get(key) !== (before.get(key) ?? 0)));
}

function put({ held, waiting, first }: Kept, id: string, now: HeldMutation | undefined): void {
  const count = (mutation: HeldMutation | undefined, by: number): void => {
    if (!mutation || mutation.waitsFor.length === 0) return;
    for (const replica of mutation.replicas) waiting.set(replica, (waiting.get(replica) ?? 0) + by);
    const [sender = ''] = mutation.replicas;
    first.set(sender, (first.get(sender) ?? 0) + by);
  };
  count(held.get(id), -1);
  count(now, 1);
  if (now) held.set(id, now);
  else held.delete(id);
}
