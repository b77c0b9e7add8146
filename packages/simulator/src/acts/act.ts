// One thing that a person does, and what the person has in hand for it.

import type { ReplicaScope } from '@holdfast/client';
import type { Disk } from '../disk.ts';
import type { Stream } from '../random.ts';
import type { Business } from '../schema.ts';

/** What a person has in hand: one scope on one device. */
export interface Hands {
  readonly scope: ReplicaScope<Business>;
  readonly disk: Disk;
  /** How many transactions the disk has committed; undefined while one is open. */
  stores(): number | undefined;
  /** By the user's own word: it may go. */
  giveUp(mutation: string): void;
  /** It could not be done: nothing is given up. */
  keep(mutation: string): void;
  /** No network reaches the device for so long. */
  goOffline(forMs: number): void;
  after(delayMs: number, run: () => void): void;
  /** What the person was shown is not so. */
  complain(message: string): void;
}

export interface Act {
  name: string;
  run(hands: Hands): Promise<unknown>;
}

export interface Choice {
  draw: Stream;
  /** How many records of each collection there are. */
  records: number;
  /** Bounds that are to be met. */
  pageRecordsMax: number;
  recordCharsMax: number;
}

export type MakeAct = (choice: Choice) => Act;
