// Every error code of Holdfast: what it means, what to do, and the HTTP status where it answers a request.
// docs/reference/errors.md is generated from this table. Code decides by the code, never by the text.

export interface ErrorEntry {
  /** HTTP status when it answers a whole request; a verdict's code travels inside a 200. */
  status: number;
  meaning: string;
  help: string;
}

const conflictChanged = {
  meaning: 'The record changed since the version that the resolution was made on.',
  help: 'Look at it again and resolve again.',
};
const conflictSettled = {
  meaning: 'The conflict is settled already.',
  help: 'Undo it first, or change the record.',
};

/** Codes that answer a whole request: nothing was changed. */
export const requestErrors = {
  json_syntax: entry(400, 'The body is not valid JSON.', 'Send one JSON object in UTF-8.'),
  json_too_deep: entry(400, 'The JSON is nested too deeply.', 'Flatten the record.'),
  json_too_many_keys: entry(
    400,
    'A JSON object has too many members, or the text too many values.',
    'Split the record or the batch.',
  ),
  json_duplicate_key: entry(400, 'A JSON object names a key twice.', 'Name each key once.'),
  json_forbidden_key: entry(
    400,
    'A key is one of __proto__, constructor, prototype, or holds a backslash.',
    'Rename the field.',
  ),
  json_number: entry(
    400,
    'A number cannot be held exactly by every store.',
    'Send whole numbers within ±(2^53 − 1), or decimals that a double prints back; else use a string.',
  ),
  json_string: entry(400, 'A string holds a NUL or a lone surrogate.', 'Remove the character.'),
  json_value: entry(
    400,
    'A value is no JSON value.',
    'Use null, booleans, finite numbers, strings, arrays and plain objects.',
  ),
  malformed: entry(
    400,
    'A field is missing or has the wrong type.',
    'See the field named and docs/protocol.md.',
  ),
  protocol_unknown: entry(
    400,
    'The request names a protocol version that this server does not speak.',
    'Update the older side.',
  ),
  schema_unknown: entry(
    409,
    'The request uses a schema version that this server does not know.',
    'Update the server’s schema first; the device keeps its outbox until then.',
  ),
  bad_checkpoint: entry(
    400,
    'The checkpoint is none that this scope ever gave out.',
    'Pull again without a checkpoint; keep the outbox.',
  ),
  rolled_back: entry(
    409,
    'The server is behind what this device has already seen: an older state of its database was brought back.',
    'The replica stops, keeps its records and its outbox; an operator must decide.',
  ),
  stale_batch: entry(
    409,
    'The batch number is not above the last one, and the batch holds mutations that are not known.',
    'Read the local storage again; if it is still behind, take a new replica id.',
  ),
  too_large: entry(413, 'The request is larger than the server accepts.', 'Send fewer mutations in a batch.'),
  unsupported_media: entry(
    415,
    'The content type or encoding is not accepted.',
    'Send application/json, plain or with one layer of gzip.',
  ),
  unauthenticated: entry(
    401,
    'The credential is missing, unknown, expired or revoked.',
    'Enrol the device again or get a new key.',
  ),
  login_refused: entry(
    401,
    'The name or the password is wrong.',
    'Type both again; the operator can set a new password with npx holdfast users password.',
  ),
  forbidden: entry(403, 'The credential does not allow this.', 'Ask for a grant.'),
  device_revoked: entry(403, 'This device was revoked.', 'Enrol it again; its unsent work is still on it.'),
  not_private: entry(
    403,
    'Without authentication only loopback and private addresses are served.',
    'Configure keys, or connect over the local network.',
  ),
  host_unknown: entry(
    421,
    'The Host header names no host of this server.',
    'Add the name to `hosts` in the config.',
  ),
  origin_refused: entry(403, 'The Origin is not on the list.', 'Add it to `corsOrigins` in the config.'),
  not_found: entry(404, 'There is no such thing here.', 'Check the path or the id.'),
  method_refused: entry(405, 'The path takes another method.', 'Use the method that the Allow header names.'),
  request_late: entry(
    408,
    'The request did not arrive in time.',
    'Send it again; on a slow line, send less at a time.',
  ),
  expectation_refused: entry(
    417,
    'The Expect header asks for something else than 100-continue.',
    'Leave the header out.',
  ),
  upgrade_needed: entry(
    426,
    'The path takes WebSockets and nothing else.',
    'Open a WebSocket. If one was opened, a proxy on the way took that out of the request: let it pass upgrades.',
  ),
  headers_too_large: entry(
    431,
    'The path and headers are larger than the server accepts.',
    'Send shorter ones; the body may be longer.',
  ),
  conflict_changed: { status: 409, ...conflictChanged },
  conflict_settled: { status: 409, ...conflictSettled },
  enrol_code: entry(403, 'The enrolment code is unknown, used or expired.', 'Ask for a new code.'),
  device_taken: entry(
    403,
    'This device id has enrolled before, or the code is for another device.',
    'Ask for a code for this device: holdfast devices enrol --device.',
  ),
  too_many: entry(
    429,
    'A bound on how many of these there may be was reached.',
    'Wait as Retry-After says, or remove some.',
  ),
  overloaded: entry(503, 'Too much work waits.', 'Try again after Retry-After.'),
  storage_full: entry(
    503,
    'The disk or the database’s size limit is full; nothing was written.',
    'Free space; the server goes on by itself.',
  ),
  storage_busy: entry(
    503,
    'Another process holds the database; nothing was written.',
    'End it; the server goes on by itself.',
  ),
  storage_readonly: entry(
    503,
    'The database cannot be written; nothing was written.',
    'Mend permissions or remount; the server goes on by itself.',
  ),
  storage_failed: entry(
    503,
    'The database reports an error; nothing was acknowledged.',
    'See the server’s log; run holdfast doctor.',
  ),
  unanswered: entry(
    503,
    'The batch was taken, and its answer could not be read.',
    'Send it again: the answer to a repeat holds the verdicts.',
  ),
  stopping: entry(503, 'The server is stopping.', 'Try again after Retry-After.'),
  internal: entry(500, 'A fault of the server; nothing was acknowledged.', 'Report it with the request id.'),
} as const satisfies Record<string, ErrorEntry>;

/** Codes of a `rejected` verdict, and of the reasons of an `excepted` one: why a mutation was not, or not wholly, taken. */
export const verdictCodes = {
  no_grant: entry(200, 'The device may not write in this scope.', 'Ask for a grant, then send it again.'),
  malformed_mutation: entry(
    200,
    'The mutation is not well formed.',
    'Correct the field named, then send it again.',
  ),
  invalid_record: entry(
    200,
    'A field does not fit the schema.',
    'Correct the field named, then send it again.',
  ),
  collection_unknown: entry(
    200,
    'The schema has no such collection.',
    'Correct the name or update the schema.',
  ),
  collections_too_many: entry(
    200,
    'The scope has no room for another collection that no schema declares.',
    'Use one of those that are there, or have an operator raise collectionsNamedMax.',
  ),
  record_too_large: entry(
    200,
    'The record is larger than the server accepts.',
    'Make it smaller, then send it again.',
  ),
  counter_by_add: entry(200, '`add` names a field that is no counter.', 'Use put or patch for this field.'),
  counter_inexact: entry(200, 'The sum of this counter could not be held exactly.', 'Use fewer digits.'),
  counter_minimum: entry(
    200,
    'The counter would fall below its minimum.',
    'Check what is left, then send a smaller amount.',
  ),
  unique_taken: entry(
    200,
    'Another record holds this value of a unique field.',
    'Choose another value, then send it again.',
  ),
  parent_missing: entry(200, 'A record that this one refers to does not exist.', 'Create it first.'),
  record_missing: entry(200, 'The record to be changed does not exist.', 'Create it with put.'),
  record_deleted: entry(200, 'The record was deleted.', 'Put it anew if it should exist again.'),
  conflict_open: entry(
    200,
    'The record was changed by somebody else too; the server’s values stay until a person decides.',
    'Resolve the conflict.',
  ),
  conflict_unknown: entry(
    200,
    'There is no such conflict about this record.',
    'Sync, and look at the conflicts again.',
  ),
  conflict_changed: { status: 200, ...conflictChanged },
  conflict_settled: { status: 200, ...conflictSettled },
  conflicts_too_many: entry(
    200,
    'Too many conflicts are open, or too many mutations wait in this one.',
    'Settle some, then send it again.',
  ),
  waiting_too_many: entry(
    200,
    'Too many mutations of this replica wait for a parent.',
    'Create the parents, then send it again.',
  ),
  waiting_too_long: entry(200, 'The parent did not come in time.', 'Create it, then send it again.'),
} as const satisfies Record<string, ErrorEntry>;

/** Codes that name one mutation inside an answer without settling it. */
export const mutationErrors = {
  id_reused: entry(
    200,
    'This mutation id was used before with another content.',
    'Make the change again; it gets a new id.',
  ),
} as const satisfies Record<string, ErrorEntry>;

export type RequestErrorCode = keyof typeof requestErrors;
export type VerdictCode = keyof typeof verdictCodes;
export type MutationErrorCode = keyof typeof mutationErrors;

/** What went wrong, where, in words; `field` is a path into the request such as `batch.mutations[3].id`. */
export interface Problem<Code extends string = string> {
  code: Code;
  field?: string;
  message: string;
}

/** An expected failure of a whole request. Thrown by the engine's edges, turned into an answer at one place. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly code: RequestErrorCode;
  readonly field: string | undefined;
  /** Facts that the peer needs to act on the code, such as the fork seq of `rolled_back`. */
  readonly details: Readonly<Record<string, number | string>>;

  constructor(
    code: RequestErrorCode,
    options: {
      message?: string;
      field?: string | undefined;
      details?: Readonly<Record<string, number | string>>;
      cause?: unknown;
    } = {},
  ) {
    super(
      options.message ?? requestErrors[code].meaning,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.field = options.field;
    this.details = options.details ?? {};
  }
}

function entry(status: number, meaning: string, help: string): ErrorEntry {
  return { status, meaning, help };
}
