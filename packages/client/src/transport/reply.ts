// Reads what came back over any transport: a message of the protocol, a refusal, or somebody else's words.

import {
  answerMessage,
  type ErrorAnswer,
  type ExchangeAnswer,
  errorMessage,
  type LivePage,
  livePageMessage,
  parseJson,
  protocolMarker,
} from '@holdfast/core';
import type { AnswerHead, TransportReply } from './port.ts';

export interface RawReply {
  status: number;
  /** Undefined: the body was too large to be read. */
  body: string | undefined;
  /** The value of the header Retry-After. */
  retryAfter: string | undefined;
}

/** `nowMs`: the wall clock, against which a Retry-After that is a date is measured. */
export function readReply({ status, body, retryAfter }: RawReply, nowMs: number): TransportReply {
  const message = body === undefined ? undefined : readMarked(body);
  if (status === 200) {
    const answer = message === undefined ? undefined : answerMessage.safeParse(message).data;
    return answer === undefined
      ? { type: 'foreign', status }
      : { type: 'answer', answer: answer as ExchangeAnswer };
  }
  const marked = message === undefined ? undefined : errorMessage.safeParse(message).data;
  if (!marked && !proxyStatuses.has(status)) return { type: 'foreign', status };
  const retryAfterMs = retryAfter === undefined ? undefined : readRetryAfter(retryAfter, nowMs);
  return {
    type: 'refused',
    status,
    ...(marked ? { error: marked.error as ErrorAnswer['error'] } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/**
 * Answers what takes the text of a body as far as it has come, and calls `begun` once that holds all that an answer says before its
 * records. A server that does not put them last is heard when all has come.
 */
export function listenForHead(begun: (head: AnswerHead) => void): (soFar: string) => void {
  let over = false;
  return (soFar) => {
    if (over) return;
    const end = soFar.indexOf(recordsMark);
    over = end >= 0 || soFar.length > headCharsMax;
    const message = end < 0 ? undefined : readMarked(`${soFar.slice(0, end)}${recordsMark}]}`);
    const head = message === undefined ? undefined : answerMessage.safeParse(message).data;
    if (head !== undefined) begun(head as AnswerHead);
  };
}

/** Within a string its quotes would be escaped; within another value what stands before it is no whole message. */
const recordsMark = ',"records":[';
const headCharsMax = 1_048_576;

/** A page that came unasked; undefined when it is none. */
export function readLivePage(body: string): LivePage | undefined {
  const message = readMarked(body);
  return message === undefined
    ? undefined
    : (livePageMessage.safeParse(message).data as LivePage | undefined);
}

/** Seconds or an HTTP date (RFC 9110, section 10.2.3) as milliseconds from `nowMs`; undefined when it is neither. */
export function readRetryAfter(value: string, nowMs: number): number | undefined {
  const text = value.trim();
  if (/^\d{1,10}$/.test(text)) return Math.min(Number(text) * 1_000, retryAfterMsMax);
  const at = Date.parse(text);
  if (Number.isNaN(at) || /^[-+\d.]+$/.test(text)) return undefined;
  return Math.min(Math.max(0, at - nowMs), retryAfterMsMax);
}

/** What a proxy on the way may answer by itself, without our marker. */
const proxyStatuses = new Set([401, 403, 413, 429, 502, 503, 504]);
/** A device that was told to come back in a year would be lost. */
const retryAfterMsMax = 3_600_000;
/** An answer holds many records: more values than a request, no greater depth than a page around them. */
const answerBounds = { depthMax: 48, keysMax: 10_000, valuesMax: 20_000_000 };

function readMarked(body: string): unknown {
  const read = parseJson(body, answerBounds);
  if (!read.ok) return undefined;
  const { value } = read;
  const marked =
    typeof value === 'object' && value !== null && 'protocol' in value && value.protocol === protocolMarker;
  return marked ? value : undefined;
}
