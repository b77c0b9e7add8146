// What a commit knows of the pull that comes behind a push: most often all of it, and then nothing is read for the answer. It is
// what a snapshot taken right after the commit gives. Where that is more than the commit has seen, it answers nothing, and a
// snapshot is read.

import type {
  Grants,
  Limits,
  LoggedVerdict,
  ReplicaState,
  StoredRecord,
  VerdictEntry,
  WorkingSet,
  Writes,
} from '@holdfast/core';
import { whyNotReplica } from '@holdfast/core';
import type { Right } from './access.ts';
import { type Position, positionIn, writeCheckpoint } from './checkpoint.ts';
import type { PullRequest, PullResult } from './engine.ts';
import { conflictsIn, entryOf } from './pull.ts';

/** One scope in one commit. */
export interface ScopeCommit {
  before: Pick<WorkingSet, 'scope' | 'replicas'>;
  writes: Writes;
  /** The server's, in which it was made. */
  life: string;
  limits: Limits;
}

export interface CommitReader {
  device: string;
  right: Right;
  grants: Grants;
}

export interface KnownPull {
  pulled: PullResult;
  /** How far the device has read with it. */
  read: { sent: number; confirmed: number };
}

/** Undefined: it has to be read from a snapshot. */
export type PullOfCommit = (reader: CommitReader, request: PullRequest) => KnownPull | undefined;

export function pullOfCommit(commit: ScopeCommit): PullOfCommit {
  const { before, writes, life, limits } = commit;
  const { head, stamp } = writes.scope;
  const verdictsBy = Map.groupBy(writes.verdicts, ({ replica }) => replica);
  const replicas = new Map(writes.replicas.map((state) => [state.replica, state]));
  let sorted: readonly StoredRecord[] | undefined;
  const records = (): readonly StoredRecord[] => {
    sorted ??= inPageOrder(writes.records);
    return sorted;
  };
  return ({ device, right, grants }, request) => {
    const from = positionOf(request, life);
    if (right === 'none' || !from || request.collections || !request.verdictsOf) return undefined;
    const { replica, seen, merges = 0 } = request.verdictsOf;
    const states = { before: before.replicas.get(replica), after: replicas.get(replica) };
    const verdicts = verdictsBehind(seen, { ...states, device, logged: verdictsBy.get(replica) ?? [] });
    if (!verdicts || verdicts.length >= limits.answerVerdictsMax) return undefined;
    const entries = verdicts.map(entryOf);
    const asked = (entry: VerdictEntry) => conflictsIn(entry).length > 0 || (merges > 0 && entry.merged);
    if (entries.some(asked)) return undefined;
    const rest = { stamp, head, grants, verdicts: entries, conflicts: [] };
    if (request.recordsMax === 0) {
      // Where it is has to be looked up, unless it is the beginning.
      if (from.seq > 0) return undefined;
      const pulled = { ...rest, records: [], checkpoint: writeCheckpoint(from), stamp: 0, more: stamp > 0 };
      return { pulled, read: { sent: 0, confirmed: 0 } };
    }
    if (from.seq !== before.scope.head || from.stamp !== before.scope.stamp) return undefined;
    if (!fitsPage(records(), boundsOf(request, limits))) return undefined;
    const checkpoint = writeCheckpoint({ life, seq: head, stamp });
    const pulled = { ...rest, records: records(), checkpoint, more: false };
    return { pulled, read: { sent: head, confirmed: from.seq } };
  };
}

/** Undefined: in another life, or none of this kind. */
function positionOf({ after }: PullRequest, life: string): Position | undefined {
  if (after === null) return { life, seq: 0, stamp: 0 };
  if ('stamp' in after) return undefined;
  const position = positionIn(after.checkpoint);
  return position?.life === life ? position : undefined;
}

/** All of the replica's log behind `seen`; undefined when some of that is older than the commit, or the id is not the device's. */
function verdictsBehind(
  seen: number,
  of: {
    device: string;
    before: ReplicaState | null | undefined;
    after: ReplicaState | undefined;
    logged: readonly LoggedVerdict[];
  },
): readonly LoggedVerdict[] | undefined {
  const { device, before, after, logged } = of;
  const state = after ?? before;
  if (!state || before === undefined || seen < (before?.verdicts ?? 0)) return undefined;
  if (whyNotReplica(state, device) !== undefined) return undefined;
  return logged.filter(({ n }) => n > seen);
}

/** Records as a page has them. */
export function inPageOrder(records: readonly StoredRecord[]): readonly StoredRecord[] {
  return records.toSorted((a, b) => a.stamp - b.stamp);
}

export function fitsPage(
  records: readonly StoredRecord[],
  { recordsMax, charsMax }: { recordsMax: number; charsMax: number },
): boolean {
  if (records.length > recordsMax) return false;
  let chars = 0;
  for (const { body } of records) chars += body?.length ?? 0;
  return chars <= charsMax;
}

function boundsOf(
  { recordsMax }: PullRequest,
  { pageRecordsDefault, pageRecordsMax, pageCharsMax }: Limits,
): { recordsMax: number; charsMax: number } {
  return { recordsMax: Math.min(recordsMax ?? pageRecordsDefault, pageRecordsMax), charsMax: pageCharsMax };
}
