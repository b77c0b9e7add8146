// What everything in one run shares: time, randomness, faults, the trace, the checkers.

import type { Limits, Random } from '@holdfast/core';
import type { Answered, Committed, DeviceView, Observer, Sent, Stored } from './checker.ts';
import type { Excerpt } from './excerpt.ts';
import type { Faults } from './faults.ts';
import type { History } from './history.ts';
import type { Marks } from './marks.ts';
import type { Operations } from './operations.ts';
import type { Profile } from './profile.ts';
import { createStream, type Stream } from './random.ts';
import type { Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';

/** Wall time at the world's beginning, in milliseconds since 1970. */
export const epochMs = 1_764_000_000_000;

export interface Failure {
  invariant: string;
  message: string;
  atMs: number;
}

export interface World {
  readonly seed: number;
  readonly profile: Profile;
  readonly timeline: Timeline;
  readonly faults: Faults;
  readonly trace: Trace;
  readonly history: History;
  readonly limits: Limits;
  readonly tell: Telling;
  readonly marks: Marks;
  readonly operations: Operations;
  /** What of the seed is played. */
  readonly excerpt: Excerpt;
  /** What people did so far. */
  readonly acts: string[];
  failure: Failure | undefined;
  stream(label: string): Stream;
  random(label: string): Random;
  fail(invariant: string, message: string): void;
}

export interface Telling {
  committed(event: Committed): void;
  stored(event: Stored): void;
  sent(event: Sent): void;
  answered(event: Answered): void;
  unasked(type: string): void;
  restarted(device: DeviceView): void;
  ended(devices: readonly DeviceView[]): void;
}

/** Tells every checker. A checker that itself fails ends the run, too. */
export function tellAll(checkers: readonly Observer[]): Telling {
  return {
    committed: (event) => {
      for (const checker of checkers) checker.committed?.(event);
    },
    stored: (event) => {
      for (const checker of checkers) checker.stored?.(event);
    },
    sent: (event) => {
      for (const checker of checkers) checker.sent?.(event);
    },
    answered: (event) => {
      for (const checker of checkers) checker.answered?.(event);
    },
    unasked: (type) => {
      for (const checker of checkers) checker.unasked?.(type);
    },
    restarted: (device) => {
      for (const checker of checkers) checker.restarted?.(device);
    },
    ended: (devices) => {
      for (const checker of checkers) checker.ended?.(devices);
    },
  };
}

/** Ids come from another stream than delays: one id less moves no delay. */
export function randomOf(stream: (label: string) => Stream, label: string): Random {
  const [delays, ids] = [stream(label), stream(`${label} ids`)];
  return {
    fraction: () => delays.fraction(),
    bytes: (length) => {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; at += 1) bytes[at] = ids.below(256);
      return bytes;
    },
  };
}

export function labelled(seed: number): (label: string) => Stream {
  const streams = new Map<string, Stream>();
  return (label) => {
    let stream = streams.get(label);
    if (!stream) {
      stream = createStream(seed, label);
      streams.set(label, stream);
    }
    return stream;
  };
}
