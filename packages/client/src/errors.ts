// What a replica refuses, as codes. Refusals of a write use the codes that the server's verdicts use for the same fault.

import { type ErrorEntry, type JsonProblemCode, type VerdictCode, verdictCodes } from '@holdfast/core';

/** Faults of a call that no server is needed to find. */
export const replicaErrors = {
  mutation_too_large: entry(
    'The mutation has more changes or bytes than one exchange can carry.',
    'Split it.',
  ),
  mutation_over: entry(
    'The mutation’s own object was used after the mutation had ended.',
    'Await every call inside `mutate`.',
  ),
  inside_mutation: entry(
    'The replica was called inside a mutation, where the call and the mutation would wait for each other.',
    'Inside `mutate`, call nothing but the object that it hands to its function, and await nothing else.',
  ),
  mutation_stuck: entry(
    'The mutation awaited something else than its own calls, such as the replica itself, and did not end in time.',
    'Await nothing inside `mutate` but the calls of its own object.',
  ),
  replica_closed: entry('The replica was closed.', 'Open it again.'),
  entry_unknown: entry('There is no such entry in this list.', 'Read the list again.'),
  decision_pending: entry(
    'This conflict was answered on this device, and the server has not said yet what came of it.',
    'Sync, then look at the conflicts again.',
  ),
  entry_undecided: entry(
    'The server may have applied this mutation, so it cannot be sent under a new id.',
    'Resend it unchanged, or discard it.',
  ),
} as const satisfies Record<string, Omit<ErrorEntry, 'status'>>;

export type ReplicaErrorCode = keyof typeof replicaErrors | VerdictCode | JsonProblemCode;

/** A call that the replica refused; nothing was changed. `field` is a path into the record, `collection` the record's. */
export class ReplicaError extends Error {
  override readonly name = 'ReplicaError';
  readonly code: ReplicaErrorCode;
  readonly field: string | undefined;
  readonly collection: string | undefined;

  constructor(code: ReplicaErrorCode, options: ReplicaErrorOptions = {}) {
    super(options.message ?? meaningOf(code));
    this.code = code;
    this.field = options.field;
    this.collection = options.collection;
  }
}

export function unknownCollection(collection: string): ReplicaError {
  const message = `The schema has no collection ${collection}.`;
  return new ReplicaError('collection_unknown', { message, collection });
}

interface ReplicaErrorOptions {
  message?: string;
  field?: string | undefined;
  collection?: string;
}

function meaningOf(code: ReplicaErrorCode): string {
  const tables: Readonly<Record<string, { meaning: string }>> = { ...replicaErrors, ...verdictCodes };
  return tables[code]?.meaning ?? 'The value cannot be stored.';
}

function entry(meaning: string, help: string): { meaning: string; help: string } {
  return { meaning, help };
}
