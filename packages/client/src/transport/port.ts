// How an exchange reaches the server. A transport never throws for what a network does: each outcome is a value.

import type { ErrorAnswer, ExchangeAnswer, ExchangeRequest, LivePage } from '@holdfast/core';

export type TransportReply =
  /** A marked answer. */
  | { type: 'answer'; answer: ExchangeAnswer }
  /** A marked error, or a bare status that a proxy on the way may give (401, 403, 413, 429, 502, 503, 504). */
  | { type: 'refused'; status: number; error?: ErrorAnswer['error']; retryAfterMs?: number }
  /** Somebody else answered: no marker, or a body that is no message of ours. A captive portal does this. */
  | { type: 'foreign'; status: number }
  /** No answer: whether the server got the request is unknown. */
  | { type: 'unreachable'; reason: string };

/** What an answer says before its records. */
export type AnswerHead = Omit<ExchangeAnswer, 'records'>;

/** What a server says of a scope without being asked. */
export type LiveWord =
  /** From now on it tells what comes. */
  | { type: 'opened' }
  /** It does not any more; the transport tries again by itself. */
  | { type: 'closed' }
  /** There is something to pull. */
  | { type: 'poke' }
  | { type: 'page'; page: LivePage };

export interface Following {
  scope: string;
  /** Where the replica is; asked for whenever the server begins to tell. */
  checkpoint(): Promise<string | null>;
  /** Must not wait for anything. */
  hear(word: LiveWord): void;
}

/**
 * Guarantees: one reply for one call; an answer is handed on only when its body arrived whole and is a message of the
 * protocol; a call ends within the transport's time limit, or at once when `signal` aborts (then as `unreachable`).
 * `begun` is called once at most, before the reply, when an answer has come up to its records; the reply may be any other then.
 */
export interface Transport {
  exchange(
    request: ExchangeRequest,
    signal?: AbortSignal,
    begun?: (head: AnswerHead) => void,
  ): Promise<TransportReply>;
  /**
   * Listens to the server for one scope, whenever it can be heard. Words come in the order in which the server said them, and
   * between `opened` and `closed` alone. Answers what ends it. Absent: this transport only answers.
   */
  follow?(following: Following): () => void;
  /** The network is back, or credentials have changed: what waits to be tried again is tried now. */
  hurry?(): void;
}
