// A server of a few lines that speaks the messages, for the replica's tests: it keeps records by seq and judges as it is told.

import {
  type Change,
  type ChangedRecord,
  type ConflictEntry,
  type ExchangeAnswer,
  type ExchangeRequest,
  type JsonObject,
  type Mutation,
  protocolMarker,
  recordKey,
  type Schema,
  type VerdictEntry,
} from '@holdfast/core';
import type { LoopbackAnswer, LoopbackHandler } from './transport/loopback.ts';
import { foldChange } from './view.ts';

export type Judge = (mutation: Mutation) => Partial<VerdictEntry> & Pick<VerdictEntry, 'verdict'>;
/** Stands between replica and server: answers itself, changes what comes back, or throws, as a network does. */
export type Hook = (
  request: ExchangeRequest,
  serve: () => ExchangeAnswer,
) => LoopbackAnswer | Promise<LoopbackAnswer | undefined> | undefined;

interface Known {
  verdict: VerdictEntry;
  content: string;
}

export class FakeServer {
  readonly schema: Schema;
  readonly requests: ExchangeRequest[] = [];
  readonly records = new Map<string, ChangedRecord>();
  /** Record key → its place in the order of all writes; checkpoints count these, so that a page may end within a commit. */
  readonly order = new Map<string, number>();
  readonly logs = new Map<string, VerdictEntry[]>();
  readonly known = new Map<string, Known>();
  readonly batches = new Map<string, number>();
  readonly conflicts: ConflictEntry[] = [];
  head = 0;
  writes = 0;
  nowMs = 1_750_000_000_000;
  pageRecords = 100;
  grants: ExchangeAnswer['grants'] = 'all';
  judge: Judge = () => ({ verdict: 'applied' });
  hooks: (Hook | undefined)[] = [];

  constructor(schema: Schema) {
    this.schema = schema;
  }

  /** Another device's write. */
  write(collection: string, id: string, body: JsonObject | null): void {
    this.head += 1;
    this.store(collection, id, body);
  }

  body(collection: string, id: string): JsonObject | null {
    return this.records.get(recordKey(collection, id))?.body ?? null;
  }

  /** A later verdict in a replica's log, as a resolution gives one. */
  tell(replica: string, verdict: Omit<VerdictEntry, 'n'>): void {
    const log = this.log(replica);
    log.push({ ...verdict, n: log.length + 1 });
  }

  readonly handler: LoopbackHandler = async (body) => {
    const request = JSON.parse(body) as ExchangeRequest;
    this.requests.push(request);
    const hook = this.hooks.shift();
    const hooked = await hook?.(request, () => this.serve(request));
    return hooked ?? ok(this.serve(request));
  };

  serve(request: ExchangeRequest): ExchangeAnswer {
    const errors: ExchangeAnswer['errors'] = [];
    if (request.batch) {
      this.batches.set(request.replica, Math.max(request.batch.n, this.batches.get(request.replica) ?? 0));
      for (const mutation of request.batch.mutations) this.push(request.replica, mutation, errors);
    }
    const from = request.checkpoint === null ? 0 : Number(request.checkpoint);
    const behind = [...this.records]
      .map(([key, record]) => ({ record, at: this.order.get(key) ?? 0 }))
      .filter(({ at, record }) => at > from && (request.collections?.includes(record.collection) ?? true))
      .sort((a, b) => a.at - b.at);
    const page = behind.slice(0, Math.min(this.pageRecords, request.limit ?? this.pageRecords));
    const records = page.map(({ record }) => record);
    const more = records.length < behind.length;
    const reached = more ? (page.at(-1)?.at ?? from) : this.writes;
    const sent = new Set(request.batch?.mutations.map(({ id }) => id));
    const verdicts = this.log(request.replica).filter(
      ({ n, mutation }) => n > request.verdictsSeen || sent.has(mutation),
    );
    const named = new Set(verdicts.map(({ mutation }) => mutation));
    return {
      protocol: protocolMarker,
      from: request.checkpoint,
      checkpoint: String(reached),
      head: this.head,
      more,
      records,
      verdicts,
      conflicts: this.conflicts.filter(({ mutations }) => mutations.some((id) => named.has(id))),
      errors,
      grants: this.grants,
      now: this.nowMs,
    };
  }

  /** Applies a mutation that waited or was in conflict. */
  applyKnown(id: string): void {
    const known = this.known.get(id);
    if (!known) return;
    const mutation = JSON.parse(known.content) as Mutation;
    this.apply(mutation.changes, mutation.schema);
    known.verdict = { ...known.verdict, verdict: 'applied', asOf: this.head };
  }

  log(replica: string): VerdictEntry[] {
    const log = this.logs.get(replica) ?? [];
    this.logs.set(replica, log);
    return log;
  }

  private push(replica: string, mutation: Mutation, errors: ExchangeAnswer['errors']): void {
    const content = JSON.stringify(mutation);
    const known = this.known.get(mutation.id);
    if (known && known.content !== content) {
      errors.push({ mutation: mutation.id, code: 'id_reused', message: 'Used before.' });
      return;
    }
    if (known) {
      const logged = this.log(replica).findLast((one) => one.mutation === mutation.id);
      if (!logged) this.tell(replica, known.verdict);
      return;
    }
    const judged = this.judge(mutation);
    const taken =
      judged.verdict === 'applied' || judged.verdict === 'merged' || judged.verdict === 'excepted';
    if (taken) this.apply(mutation.changes, mutation.schema);
    const verdict = { mutation: mutation.id, asOf: this.head, n: 0, ...judged };
    this.known.set(mutation.id, { verdict, content });
    this.tell(replica, verdict);
  }

  private apply(changes: readonly Change[], schema: number): void {
    this.head += 1;
    for (const change of changes) {
      if (change.type === 'resolve') continue;
      const after = foldChange(this.schema, this.body(change.collection, change.id), { change, schema });
      this.store(change.collection, change.id, after);
    }
  }

  private store(collection: string, id: string, body: JsonObject | null): void {
    this.writes += 1;
    const target = { collection, id, version: this.head };
    this.records.set(recordKey(collection, id), body ? { ...target, body } : { ...target, deleted: true });
    this.order.set(recordKey(collection, id), this.writes);
  }
}

/** Its records stand last, as the server has them. */
export function ok({ records, ...head }: ExchangeAnswer): LoopbackAnswer {
  return { status: 200, body: JSON.stringify({ ...head, records }) };
}

export function refusal(status: number, code: string, headers: Record<string, string> = {}): LoopbackAnswer {
  return {
    status,
    headers,
    body: JSON.stringify({ protocol: protocolMarker, error: { code, message: code }, now: 0 }),
  };
}

export function bare(status: number, headers: Record<string, string> = {}): LoopbackAnswer {
  return { status, headers, body: '<html>proxy</html>' };
}
