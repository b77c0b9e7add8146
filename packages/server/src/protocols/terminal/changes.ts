// Whose changes are urgent: follows the scope, and says by whom records were written that others should have at once.

import { bodyOf } from '@holdfast/core';
import { type FollowBounds, type FollowPage, operator } from '../../engine/engine.ts';
import { createFeeds, type FeedDeps, type Follower } from '../../realtime/feeds.ts';
import { type Entities, urgentPriority } from './entities.ts';
import { protocolName } from './translate.ts';

/** A few of the largest pushes. What is more at once is told to all. */
export const pushBounds: FollowBounds = { recordsMax: 5_000, charsMax: 16 * 1_048_576, mutationsMax: 5_000 };

/** `changed`: by which terminals; '' is anybody else. Undefined: it was too much to look at. */
export async function followChanges(
  deps: FeedDeps,
  given: {
    scope: string;
    entities: Entities;
    changed: (writers: ReadonlySet<string> | undefined) => void;
  },
): Promise<() => void> {
  const { scope, entities, changed } = given;
  const feeds = createFeeds<ReadonlySet<string>>(deps);
  const follower: Follower<ReadonlySet<string>> = {
    // Nothing of a record leaves through it.
    caller: operator,
    encode: (_, page) => urgentWriters(page, entities),
    begin: () => undefined,
    page(_, writers) {
      const found = writers();
      if (found.size > 0) changed(found);
    },
    stale: () => changed(undefined),
    refused: () => undefined,
  };
  await feeds.follow(scope, follower);
  return () => feeds.unfollow(scope, follower);
}

function urgentWriters({ records }: Pick<FollowPage, 'records'>, entities: Entities): ReadonlySet<string> {
  const urgent = records.filter(
    (record) =>
      entities.type(record.collection) !== undefined &&
      entities.priority(record.collection, bodyOf(record)) >= urgentPriority,
  );
  return new Set(urgent.map(({ writer }) => terminalIn(writer)));
}

const own = `${protocolName}/`;

function terminalIn(writer: string): string {
  return writer.startsWith(own) ? writer.slice(own.length) : '';
}
