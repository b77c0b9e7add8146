// Between the native messages and the engine's verbs, in both directions. Pure: the moment of arrival is an argument.

import {
  type Arrived,
  admit,
  canonicalJson,
  type ExchangeRequest,
  hashedPart,
  type Limits,
  madeAtMs,
  protocolMarker,
  type Schema,
  type Sha256,
  type StoredRecord,
  type VerdictEntry,
} from '@holdfast/core';
import type { PullRequest, PullResult, PushRequest, PushResult } from '../../engine/engine.ts';

export interface ArrivalContext {
  schema: Schema;
  limits: Limits;
  sha256: Sha256;
  /** Server time at which the request was read. */
  atMs: number;
}

/** Undefined when the request brings no batch. The request's schema versions are known. */
export function pushOf(request: ExchangeRequest, context: ArrivalContext): PushRequest | undefined {
  const { batch, replica, verdictsSeen, seqSeen, checkpoint } = request;
  if (!batch) return undefined;
  return {
    replica,
    former: request.former ?? [],
    n: batch.n,
    verdictsSeen,
    ...(seqSeen === undefined ? {} : { seqSeen }),
    checkpoint,
    mutations: batch.mutations.map((mutation) => arrivedOf(mutation, request, context)),
  };
}

export function pullOf(request: ExchangeRequest): PullRequest {
  const { checkpoint, collections, limit, merges, replica, verdictsSeen } = request;
  return {
    after: checkpoint === null ? null : { checkpoint },
    ...(collections === undefined ? {} : { collections }),
    ...(limit === undefined ? {} : { recordsMax: limit }),
    verdictsOf: { replica, seen: verdictsSeen, ...(merges === undefined ? {} : { merges }) },
  };
}

/** The answer's text. Bodies are stored as JSON text and go out as they are: parsing and printing could only change them. */
export function answerText(parts: {
  request: ExchangeRequest;
  pushed: PushResult | undefined;
  pulled: PullResult;
  nowMs: number;
}): string {
  const { request, pushed, pulled } = parts;
  const answer = {
    protocol: protocolMarker,
    from: request.checkpoint,
    checkpoint: pulled.checkpoint,
    head: pulled.head,
    more: pulled.more,
    verdicts: verdictsOf(request, pushed, pulled),
    conflicts: pulled.conflicts,
    errors: pushed?.errors ?? [],
    grants: pulled.grants,
    now: parts.nowMs,
  };
  const records = pulled.records.map(recordText).join(',');
  return `${JSON.stringify(answer).slice(0, -1)},"records":[${records}]}`;
}

/** One record as it leaves the server. */
export function recordText({ collection, id, seq, body }: StoredRecord): string {
  const head = `{"collection":${JSON.stringify(collection)},"id":${JSON.stringify(id)},"version":${seq}`;
  return body === null ? `${head},"deleted":true}` : `${head},"body":${body}}`;
}

function arrivedOf(
  mutation: Arrived['mutation'],
  request: ExchangeRequest,
  { schema, limits, sha256, atMs }: ArrivalContext,
): Arrived {
  const { problem } = admit(mutation, schema, limits);
  return {
    mutation,
    hash: sha256(canonicalJson(hashedPart(mutation))),
    madeAt: madeAtMs(mutation.made, { atMs, sent: request.clock, driftMsMax: limits.clockDriftMsMax }),
    ...(problem === undefined ? {} : { problem }),
  };
}

/**
 * Every verdict that the replica has not seen, and those of the batch that it has, each once, in order. A verdict of the batch
 * beyond what the page's snapshot could hold waits with those left out: the replica counts what it has seen by the last number.
 */
function verdictsOf(
  request: ExchangeRequest,
  pushed: PushResult | undefined,
  pulled: PullResult,
): VerdictEntry[] {
  const byNumber = new Map(
    (pushed?.verdicts ?? []).filter(({ n }) => n <= request.verdictsSeen).map((entry) => [entry.n, entry]),
  );
  for (const entry of pulled.verdicts) byNumber.set(entry.n, entry);
  return [...byNumber.values()].sort((a, b) => a.n - b.n);
}
