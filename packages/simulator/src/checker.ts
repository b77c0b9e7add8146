// What a checker is told, and how it complains. Each invariant has a file of its own in checkers/, and none of them uses code
// of core, client or server: what they check must not check itself.

import type { ExchangeAnswer, ExchangeRequest, Writes } from '@holdfast/core';
import type { Disk, DiskOp } from './disk.ts';
import type { Fresh, History } from './history.ts';

export interface Watched {
  history: History;
  /** Ends the run. */
  fail(invariant: string, message: string): void;
}

/** A commit became durable. `history` does not hold it yet. */
export interface Committed {
  scope: string;
  writes: Writes;
  /** The versions that it wrote, oldest first. */
  fresh: readonly Fresh[];
  serverMs: number;
}

/** A device's storage committed a transaction; its disk holds it. */
export interface Stored {
  device: DeviceView;
  ops: readonly DiskOp[];
}

/** A device sends an exchange. */
export interface Sent {
  device: DeviceView;
  /** The id that it goes by. */
  replica: string;
  scope: string;
  /** Those of its batch, in order. */
  mutations: readonly string[];
  /** Whether its credential is good for writing in the scope at a time of the server's clock. */
  mayWrite(serverMs: number): boolean;
}

/** What is told of an exchange that a device sends. */
export function sentOf(
  device: DeviceView,
  { replica, scope, batch }: ExchangeRequest,
  mayWrite: Sent['mayWrite'],
): Sent {
  return { device, replica, scope, mutations: batch?.mutations.map(({ id }) => id) ?? [], mayWrite };
}

/** A server answered. */
export interface Answered {
  device: string;
  /** Under which name it came. */
  enrolledAs: string;
  scope: string;
  status: number;
  text: string;
  /** What the text says, when the status is 200. */
  answer: ExchangeAnswer | undefined;
  /** Whether the credential was good for reading the scope at the moment at which the request was taken up. */
  mayRead: boolean;
  recordsMax: number;
}

export interface DeviceView {
  readonly name: string;
  /** Under which name it comes to the server; a copy may come as another. */
  readonly enrolledAs: string;
  readonly disk: Disk;
  /** Of the application that is installed on it. */
  readonly schemaVersion: 1 | 2;
  /** Mutations whose write resolved for the application. */
  readonly accepted: ReadonlySet<string>;
  /** Mutations that the user gave up by his own word, or that went with a storage that was set back. */
  readonly givenUp: ReadonlySet<string>;
}

/** What may be told; whoever does not ask for it is not told. */
export interface Observer {
  committed?(event: Committed): void;
  stored?(event: Stored): void;
  sent?(event: Sent): void;
  answered?(event: Answered): void;
  /** A server told something over a socket that nobody had asked for. */
  unasked?(type: string): void;
  /** A device came back with what its disk had kept. */
  restarted?(device: DeviceView): void;
  /** Everything is settled. */
  ended?(devices: readonly DeviceView[]): void;
}

export interface Checker extends Observer {
  readonly invariant: string;
}

export type MakeChecker = (watched: Watched) => Checker;
