// The native messages: one exchange carries a batch up, and verdicts and a page of records down.
// Unknown fields of a message are ignored; a change of these shapes needs a new protocol version (messages.test.ts pins a hash).

import { z } from 'zod';
import type { Mutation } from './change.ts';
import type { RequestErrorCode } from './errors.ts';
import type { JsonObject } from './json.ts';
import { defaultLimits, integerMax } from './limits.ts';

/** Marks every answer. An answer without it did not come from a Holdfast server. */
export const protocolMarker = 'holdfast/1';

/** Collections that an exchange may name. */
export const collectionsMax = 100;

/** Former ids that an exchange may name. */
export const formerMax = 16;

/** What policies settled and one answer tells; a replica keeps as many. */
export const mergesMax = 100;

const whole = z.number().int().min(0).max(integerMax);
const id = z.string().min(1).max(defaultLimits.idCharsMax);
const milliseconds = z.number().min(-integerMax).max(integerMax);
// A record's content was checked as JSON text already; here it only has to be an object.
const object = z.custom<JsonObject>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  {
    message: 'Expected an object',
  },
);

const target = { collection: id, id, base: whole.exactOptional() };

export const changeMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('put'), ...target, body: object, replaced: object.exactOptional() }),
  z.object({
    type: z.literal('patch'),
    ...target,
    set: object.exactOptional(),
    unset: z.array(z.string().min(1)).exactOptional(),
    replaced: object.exactOptional(),
  }),
  z.object({ type: z.literal('delete'), ...target }),
  z.object({ type: z.literal('add'), ...target, amounts: z.record(z.string().min(1), z.number()) }),
  z.object({
    type: z.literal('resolve'),
    ...target,
    conflict: whole.min(1),
    answer: z.enum(['server', 'device', 'value', 'undo']),
    body: object.exactOptional(),
    replaced: object.exactOptional(),
  }),
]);

export const mutationMessage = z.object({
  id: z
    .string()
    .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, 'Expected a lower-case UUID'),
  schema: whole.min(1),
  actor: id.exactOptional(),
  made: z.object({
    wall: milliseconds,
    mono: milliseconds,
    session: id,
    offset: milliseconds,
    seen: milliseconds,
  }),
  changes: z.array(changeMessage).min(1),
});

export const clockMessage = z.object({ wall: milliseconds, mono: milliseconds, session: id });

export const batchMessage = z.object({
  n: whole.min(1),
  /** Reserved: the replica's signature over the batch, for a hub that relays it. */
  signature: z.string().max(1_000).exactOptional(),
  mutations: z.array(mutationMessage).min(1),
});

export const exchangeMessage = z.object({
  protocol: z.literal(protocolMarker),
  device: id,
  replica: id,
  /** The ids that this replica had before in this scope, newest first, each with the `seqSeen` that it then had. */
  former: z
    .array(z.object({ id, seqSeen: whole }))
    .max(formerMax)
    .exactOptional(),
  scope: id,
  /** Null before the first page. */
  checkpoint: z.string().max(200).nullable(),
  schema: whole.min(1),
  clock: clockMessage,
  /** The number of the last verdict that the replica holds; 0 when none. */
  verdictsSeen: whole,
  /** The highest `seq` among the verdicts that the replica holds under this id; 0 when none. Without it all under the id is its own. */
  seqSeen: whole.exactOptional(),
  /** Records of the page at most. 0 asks for verdicts alone. */
  limit: whole.exactOptional(),
  /** Records of these collections alone. The checkpoint of the answer is good only with the same ones; see docs/protocol.md. */
  collections: z.array(id).min(1).max(collectionsMax).exactOptional(),
  /** Of the conflicts that verdicts name in `merged`, so many at most are told, the newest. Left out: none. */
  merges: whole.max(mergesMax).exactOptional(),
  batch: batchMessage.exactOptional(),
});

const changedRecord = z.object({
  collection: z.string(),
  id: z.string(),
  version: whole,
  /** Absent on a tombstone. */
  body: object.exactOptional(),
  /** Deleted everywhere. */
  deleted: z.literal(true).exactOptional(),
  /** Gone from this replica because its grant ended. */
  removed: z.literal(true).exactOptional(),
});

const conflictMessage = z.object({
  id: whole,
  collection: z.string(),
  record: z.string(),
  fields: z.array(z.string()),
  state: z.enum(['open', 'settled']),
  base: object,
  /** The server's record when the conflict was found; null when it was deleted. */
  server: object.nullable(),
  serverVersion: whole,
  /** The device's changes to the record, in the order in which they were made. */
  device: z.array(object),
  mutations: z.array(z.string()),
  policy: z.string(),
});

const verdictMessage = z.object({
  /** The place in this replica's verdict log for the scope. */
  n: whole,
  mutation: z.string(),
  verdict: z.enum(['applied', 'merged', 'waiting', 'conflict', 'rejected', 'excepted']),
  seq: whole.exactOptional(),
  asOf: whole,
  code: z.string().exactOptional(),
  field: z.string().exactOptional(),
  message: z.string().exactOptional(),
  help: z.string().exactOptional(),
  merged: z
    .array(z.object({ collection: z.string(), id: z.string(), fields: z.array(z.string()), conflict: whole }))
    .exactOptional(),
  exceptions: z
    .array(
      z.object({
        code: z.string(),
        collection: z.string(),
        id: z.string(),
        field: z.string().exactOptional(),
        message: z.string(),
        conflict: whole.exactOptional(),
      }),
    )
    .exactOptional(),
  conflicts: z.array(whole).exactOptional(),
});

const grantMessage = z.object({ scope: z.string(), right: z.enum(['read', 'write']) });

export const answerMessage = z.object({
  protocol: z.literal(protocolMarker),
  /** The checkpoint that this page continues; a replica at another one does not apply it. */
  from: z.string().nullable(),
  checkpoint: z.string().nullable(),
  /** The scope's seq in the snapshot that verdicts and records come from. */
  head: whole,
  /** False: with this page the replica is at `head`. */
  more: z.boolean(),
  records: z.array(changedRecord),
  verdicts: z.array(verdictMessage),
  /** The conflicts that this answer's verdicts name: the open ones, and those that a policy settled as far as `merges` asks for them. */
  conflicts: z.array(conflictMessage),
  /** Mutations of the batch that got no verdict, and why. Nothing is settled by it. */
  errors: z.array(z.object({ mutation: z.string(), code: z.string(), message: z.string() })),
  /** Every scope that the device may use now. A scope that is missing has ended. */
  grants: z.union([z.array(grantMessage), z.literal('all')]),
  /** Reserved: sums over the live server state at `head`, per collection. */
  digest: z.record(z.string(), z.string()).exactOptional(),
  /** Server time in milliseconds since 1970. */
  now: milliseconds,
});

export const errorMessage = z.object({
  protocol: z.literal(protocolMarker),
  error: z.object({
    code: z.string(),
    message: z.string(),
    field: z.string().exactOptional(),
    help: z.string().exactOptional(),
    /** Names the request in the server's log. */
    request: z.string().exactOptional(),
    details: z.record(z.string(), z.union([z.string(), z.number()])).exactOptional(),
  }),
  now: milliseconds,
});

export const enrolMessage = z.object({
  protocol: z.literal(protocolMarker),
  code: z.string().min(1).max(100),
  device: id,
  name: z.string().min(1).max(200),
});

export const enrolledMessage = z.object({
  protocol: z.literal(protocolMarker),
  device: z.string(),
  /** Shown once; the device keeps it. */
  key: z.string(),
  grants: z.union([z.array(grantMessage), z.literal('all')]),
  now: milliseconds,
});

export type ExchangeRequest = Omit<z.infer<typeof exchangeMessage>, 'batch'> & { batch?: Batch };
export type Batch = Omit<z.infer<typeof batchMessage>, 'mutations'> & { mutations: readonly Mutation[] };
export type ExchangeAnswer = z.infer<typeof answerMessage>;
export type ChangedRecord = z.infer<typeof changedRecord>;
export type VerdictEntry = z.infer<typeof verdictMessage>;
export type ConflictEntry = z.infer<typeof conflictMessage>;
export type Grants = ExchangeAnswer['grants'];
export type ErrorAnswer = Omit<z.infer<typeof errorMessage>, 'error'> & {
  error: Omit<z.infer<typeof errorMessage>['error'], 'code'> & { code: RequestErrorCode | (string & {}) };
};
