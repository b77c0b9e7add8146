// Work that waits for a commit. One lane where the store has one writer, else one a scope; each lane takes all that waits,
// up to its bounds, and runs one group at a time, so that one fsync serves many.

import { RequestError } from '@holdfast/core';

export interface Job {
  scope: string;
  /** What it adds to a group's size. */
  changes: number;
}

export interface LaneOptions<J extends Job> {
  oneLane: boolean;
  groupJobsMax: number;
  groupChangesMax: number;
  waitingMax: number;
  /** Resolves when this turn of the event loop has handled its input: what came together is committed together. */
  turn: () => Promise<void>;
  /** Runs a group; must not reject. */
  run: (group: readonly J[]) => Promise<void>;
}

export interface Lanes<J extends Job> {
  /** Throws RequestError `overloaded` when too much waits, `stopping` after `stop`. */
  add(job: J): void;
  /** Resolves when everything taken so far has run; nothing more is taken. */
  stop(): Promise<void>;
}

export function createLanes<J extends Job>(options: LaneOptions<J>): Lanes<J> {
  const lanes = new Map<string, J[]>();
  const running = new Map<string, Promise<void>>();
  let waiting = 0;
  let stopping = false;

  const drain = async (name: string, queue: J[]): Promise<void> => {
    while (queue.length > 0) {
      await options.turn();
      const group = takeGroup(queue, options);
      waiting -= group.length;
      await options.run(group);
    }
    lanes.delete(name);
    running.delete(name);
  };

  return {
    add(job) {
      if (stopping) throw new RequestError('stopping');
      if (waiting >= options.waitingMax) throw new RequestError('overloaded');
      waiting += 1;
      const name = options.oneLane ? '' : job.scope;
      const queue = lanes.get(name);
      if (queue) {
        queue.push(job);
        return;
      }
      const fresh = [job];
      lanes.set(name, fresh);
      running.set(name, drain(name, fresh));
    },
    async stop() {
      stopping = true;
      await Promise.all(running.values());
    },
  };
}

function takeGroup<J extends Job>(queue: J[], options: LaneOptions<J>): J[] {
  let changes = 0;
  let count = 0;
  for (const job of queue) {
    changes += job.changes;
    if (count > 0 && (count >= options.groupJobsMax || changes > options.groupChangesMax)) break;
    count += 1;
  }
  return queue.splice(0, count);
}
