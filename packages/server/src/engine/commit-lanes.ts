// The lanes in which jobs wait for their commit, and what becomes of a group of them whose commit fails.

import { type Limits, RequestError } from '@holdfast/core';
import { type Store, StoreError } from '../store/port.ts';
import { type CommitDeps, type CommitJob, commitGroup } from './commit.ts';
import { answerOf, type FaultDeps } from './faults.ts';
import { createLanes, type Lanes } from './lanes.ts';

interface LaneDeps extends FaultDeps {
  store: Pick<Store, 'oneWriter'>;
  limits: Limits;
  /** Resolves at the end of this turn of the event loop. */
  turn: () => Promise<void>;
}

export function createCommitLanes(deps: LaneDeps, commit: CommitDeps): Lanes<CommitJob> {
  const { store, limits, turn } = deps;
  return createLanes<CommitJob>({
    oneLane: store.oneWriter,
    groupJobsMax: limits.groupPushesMax,
    groupChangesMax: limits.groupChangesMax,
    waitingMax: limits.waitingPushesMax,
    turn,
    run: (group) => runGroup(deps, commit, group),
  });
}

/** Runs a group; when it fails other than by the store's health, each job is tried alone, so that one cannot fail others. */
async function runGroup(deps: LaneDeps, commit: CommitDeps, group: readonly CommitJob[]): Promise<void> {
  try {
    const answers = await commitGroup(commit, group);
    for (const [place, job] of group.entries()) {
      const answer = answers[place];
      if (answer instanceof RequestError) job.reject(answer);
      else if (answer) job.resolve(answer);
    }
  } catch (error) {
    if (group.length > 1 && !(error instanceof StoreError)) {
      for (const job of group) await runGroup(deps, commit, [job]);
      return;
    }
    const answer = answerOf(deps, error);
    for (const job of group) job.reject(answer);
  }
}
