// The shapes of the native protocol on this side of the wire: core's messages, read so that every fault names its field.

import {
  type ExchangeRequest,
  enrolMessage,
  exchangeMessage,
  type Limits,
  protocolMarker,
  RequestError,
  type Schema,
} from '@holdfast/core';
import type { z } from 'zod';

/** Throws RequestError: `protocol_unknown`, `malformed`, `too_large` or `schema_unknown`, with the field. */
export function readExchange(body: unknown, bounds: { limits: Limits; schema: Schema }): ExchangeRequest {
  checkMarker(body);
  const request = read(exchangeMessage, body) as ExchangeRequest;
  checkLengths(request, bounds.limits);
  checkSchemas(request, bounds.schema);
  return request;
}

export function readEnrol(body: unknown, limits: Limits): z.infer<typeof enrolMessage> {
  checkMarker(body);
  const request = read(enrolMessage, body);
  checkId('device', request.device, limits);
  return request;
}

/** A peer that speaks another version is told so before its fields are judged by this one. */
function checkMarker(body: unknown): void {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new RequestError('malformed', { field: 'body', message: 'Expected a JSON object.' });
  const { protocol } = body as { protocol?: unknown };
  if (typeof protocol === 'string' && protocol !== protocolMarker)
    throw new RequestError('protocol_unknown', { field: 'protocol', details: { known: protocolMarker } });
}

function read<Message extends z.ZodType>(message: Message, body: unknown): z.output<Message> {
  const result = message.safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new RequestError('malformed', {
    field: fieldPath(issue?.path ?? []),
    message: issue?.message ?? 'The request does not fit the protocol.',
  });
}

/** Such as `batch.mutations[0].changes[0].id`. */
function fieldPath(path: readonly PropertyKey[]): string {
  const text = path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step).slice(0, 64)}`))
    .join('');
  return text === '' ? 'body' : text.replace(/^\./, '');
}

/** The messages carry the default bounds; an operator may have set lower ones. */
function checkLengths(request: ExchangeRequest, limits: Limits): void {
  checkId('device', request.device, limits);
  checkId('replica', request.replica, limits);
  checkId('scope', request.scope, limits);
  for (const [place, { id }] of (request.former ?? []).entries()) checkId(`former[${place}].id`, id, limits);
  const mutations = request.batch?.mutations ?? [];
  if (mutations.length > limits.batchMutationsMax) {
    throw new RequestError('too_large', {
      field: 'batch.mutations',
      message: `A batch has at most ${limits.batchMutationsMax} mutations.`,
      details: { max: limits.batchMutationsMax },
    });
  }
  for (const [place, { changes }] of mutations.entries()) {
    for (const [at, { collection, id }] of changes.entries()) {
      checkId(`batch.mutations[${place}].changes[${at}].collection`, collection, limits);
      checkId(`batch.mutations[${place}].changes[${at}].id`, id, limits);
    }
  }
}

function checkId(field: string, id: string, { idCharsMax }: Limits): void {
  if (id.length > idCharsMax)
    throw new RequestError('malformed', { field, message: `An id has at most ${idCharsMax} characters.` });
}

/** A mutation is judged by the version that it was written under, so every version must be known before one is judged. */
function checkSchemas(request: ExchangeRequest, schema: Schema): void {
  checkSchema('schema', request.schema, schema);
  for (const [place, mutation] of (request.batch?.mutations ?? []).entries())
    checkSchema(`batch.mutations[${place}].schema`, mutation.schema, schema);
}

function checkSchema(field: string, version: number, schema: Schema): void {
  if (!schema.versions.has(version))
    throw new RequestError('schema_unknown', { field, details: { given: version, newest: schema.version } });
}
