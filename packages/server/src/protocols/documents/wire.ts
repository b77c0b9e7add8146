// What goes over the wire of `documents`: the messages of its socket, the requests of its HTTP, and the words of its errors.

import { RequestError, SpoiledItem } from '@holdfast/core';
import { z } from 'zod';

/** Always there in a sync, also when nothing was ever written to them. */
export const givenCollections = ['appointments', 'consultations', 'prescriptions', 'medicalRecords'] as const;

/** `user:` and this make an id of 200 characters. */
export const userIdCharsMax = 195;
export const idCharsMax = 200;
const timeMsMax = 8_640_000_000_000_000;

/** As the contract has it: what is larger closes its socket with 1009. */
export const messageBytesMax = 1_048_576;

export const closeCodes = { missing: 4400, unauthenticated: 4401, tooLarge: 1009 } as const;

export const optionsShape = z.strictObject({
  /** A ping goes out so often; a connection that missed two is closed. */
  pingMs: z.number().int().min(100).max(3_600_000).default(30_000),
});
export type DocumentsOptions = z.output<typeof optionsShape>;

const userId = z.string().min(1).max(userIdCharsMax);
const deviceId = z.string().min(1).max(idCharsMax);
const collection = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_]{0,63}$/, 'A letter, then up to 63 letters, digits or _.');
const documentId = z.string().min(1).max(idCharsMax);
const timestamp = z.number().min(0).max(timeMsMax);
const messageId = z.union([z.string().min(1).max(idCharsMax), z.number()]).nullish();
/** Of HTTP, where the path and a header name them. */
const sender = { userId: z.string().optional(), deviceId: z.string().optional() };

const updateMessage = z.object({
  type: z.literal('DATA_UPDATE'),
  data: z.object({ collection, document: z.record(z.string(), z.unknown()), timestamp }),
  ...sender,
  messageId,
});

const deleteMessage = z.object({
  type: z.literal('DATA_DELETE'),
  data: z.object({ collection, documentId, timestamp: timestamp.nullish() }),
  ...sender,
  messageId,
});

const requestMessage = z.object({ type: z.literal('REQUEST_SYNC'), ...sender, messageId });

export const changeMessage = z.discriminatedUnion('type', [updateMessage, deleteMessage]);
export const clientMessage = z.discriminatedUnion('type', [updateMessage, deleteMessage, requestMessage]);
export type ChangeMessage = z.output<typeof changeMessage>;
export type ClientMessage = z.output<typeof clientMessage>;
export type MessageId = string | number;

export const syncParams = z.object({ userId });
export const syncHeaders = z.looseObject({
  'device-id': z.string('The header is missing.').min(1).max(idCharsMax),
});
export const syncQuery = z.looseObject({
  since: z
    .string()
    .regex(/^\d{0,16}$/, 'milliseconds since 1970')
    .optional(),
});
/** Each change is judged by itself, so that one that is wrong stops no other. */
export const syncBody = z.object({ changes: z.array(z.unknown()) });
/** The same for readers: by this each change is judged. */
export const describedBody = z.object({ changes: z.array(changeMessage) });

export const connectionQuery = z.object({ userId, deviceId });

/** Words of an ERROR; a refusal of the engine comes with its own code in capitals. */
export type FaultCode = 'INVALID_JSON' | 'INVALID_MESSAGE' | 'UNKNOWN_TYPE' | 'FORBIDDEN' | (string & {});

/** What a sender reads of a message that was not taken. */
export interface Fault {
  code: FaultCode;
  message: string;
}

/** Who sends: the user and device of the connection or the request. */
export interface Sender {
  userId: string;
  deviceId: string;
}

export type Read<Message> = { ok: true; message: Message } | { ok: false; fault: Fault };

/**
 * Reads one message. `mustName`: whether it has to name its sender, as on a socket. What is wrong is told with the path of its field.
 */
export function readMessage<Message extends ClientMessage>(
  shape: z.ZodType<Message>,
  value: unknown,
  { sender, mustName }: { sender: Sender; mustName: boolean },
): Read<Message> {
  if (value instanceof SpoiledItem) return fault('INVALID_JSON', value.reason);
  const { type } = (value ?? {}) as { type?: unknown };
  const read = shape.safeParse(value);
  if (!read.success) {
    const [issue] = read.error.issues;
    if (issue?.code === 'invalid_union' && issue.path[0] === 'type' && type !== undefined)
      return fault('UNKNOWN_TYPE', 'type: There is no such message.');
    return fault('INVALID_MESSAGE', issueText(issue));
  }
  const message = read.data;
  for (const field of ['userId', 'deviceId'] as const) {
    const named = message[field];
    if (named === undefined && mustName) return fault('INVALID_MESSAGE', `${field}: It is missing.`);
    if (named !== undefined && named !== sender[field])
      return fault('FORBIDDEN', `${field}: It is not the one of this connection.`);
  }
  return { ok: true, message };
}

/** The id that a message carries, also one that is wrong otherwise. */
export function messageIdOf(value: unknown): MessageId | undefined {
  if (value instanceof SpoiledItem) return messageId.safeParse(value.told('messageId')).data ?? undefined;
  if (typeof value !== 'object' || value === null || !('messageId' in value)) return undefined;
  return messageId.safeParse(value.messageId).data ?? undefined;
}

/** Who opens a socket, from its URL. Answers the reason when something is missing or wrong. */
export function readConnection(url: string): Sender | { reason: string } {
  const read = connectionQuery.safeParse(Object.fromEntries(new URLSearchParams(url.split('?')[1] ?? '')));
  if (!read.success) return { reason: issueText(read.error.issues[0]).slice(0, reasonCharsMax) };
  // What is no UTF-8 would make one user of several.
  const broken = (['userId', 'deviceId'] as const).find((field) => read.data[field].includes('\ufffd'));
  return broken === undefined ? read.data : { reason: `${broken}: It is not UTF-8.` };
}

/** The token of a browser's socket, which can send no headers. */
export function tokenIn(url: string): string | undefined {
  return new URLSearchParams(url.split('?')[1] ?? '').get('token') ?? undefined;
}

/** A header's bytes as the text that a socket's query would name: UTF-8, if they are. */
export function headerText(value: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(value, 'latin1'));
  } catch {
    return value;
  }
}

export function unauthenticated(): RequestError {
  return new RequestError('unauthenticated', { field: 'authorization' });
}

const reasonCharsMax = 120;

function fault(code: FaultCode, message: string): { ok: false; fault: Fault } {
  return { ok: false, fault: { code, message } };
}

function issueText(issue: z.core.$ZodIssue | undefined): string {
  const path = (issue?.path ?? []).map((step) => String(step).slice(0, 64)).join('.');
  const message = issue?.message ?? 'It does not fit.';
  return path === '' ? message : `${path}: ${message}`;
}
