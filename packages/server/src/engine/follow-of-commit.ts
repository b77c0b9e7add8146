// What a commit knows of the page for those who follow its scope: all of it, for who stood at the head that the commit found. It is
// what a snapshot taken right after the commit gives; for everybody else, a snapshot is read.

import type { WorkingSet, Writes } from '@holdfast/core';
import { writeCheckpoint } from './checkpoint.ts';
import type { FollowBounds, FollowOfCommit, FollowPage } from './engine.ts';
import { fitsPage, inPageOrder } from './pull-of-commit.ts';

/** One scope in one commit. */
export interface FollowedCommit {
  before: Pick<WorkingSet, 'scope'>;
  writes: Writes;
  /** The server's, in which it was made. */
  life: string;
  /** The identity mark that it found; undefined: it was not read, because nobody followed. */
  mark: number | undefined;
}

export function followOfCommit({ before, writes, life, mark }: FollowedCommit): FollowOfCommit {
  const { head: seq, stamp } = writes.scope;
  return ({ after, bounds }) => {
    if (mark === undefined || after?.seq !== before.scope.head || after.stamp !== before.scope.stamp)
      return undefined;
    const to = { seq, stamp, checkpoint: writeCheckpoint({ life, seq, stamp }) };
    return { to, mark, page: pageOf(writes, { from: after.checkpoint, to, bounds }) };
  };
}

function pageOf(
  { commits, records }: Writes,
  { from, to, bounds }: { from: string; to: { seq: number; checkpoint: string }; bounds: FollowBounds },
): FollowPage | undefined {
  if (commits.length > bounds.mutationsMax || !fitsPage(records, bounds)) return undefined;
  return {
    from,
    checkpoint: to.checkpoint,
    head: to.seq,
    records: inPageOrder(records),
    mutations: commits.map(({ mutation }) => mutation),
  };
}
