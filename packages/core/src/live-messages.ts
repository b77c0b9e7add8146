// The frames of `/v1/live`. A frame is one line of JSON, its head. What HTTP carries as a body (an exchange, its answer, an
// error), and a live page, stand behind the head and a line feed, so that one text is made once and read by the same code.

import { z } from 'zod';
import { defaultLimits, integerMax } from './limits.ts';
import { answerMessage, type ChangedRecord, protocolMarker } from './messages.ts';

const whole = z.number().int().min(0).max(integerMax);
const id = z.string().min(1).max(defaultLimits.idCharsMax);

/** Heads of what a device sends. */
export const deviceFrameMessage = z.discriminatedUnion('type', [
  /** The first. The key stands here, because a browser cannot send it in a header. */
  z.object({
    type: z.literal('hello'),
    protocol: z.literal(protocolMarker),
    device: id,
    key: z.string().min(1).max(200).exactOptional(),
  }),
  /** From now on, tell what comes in the scope. `checkpoint`: where the replica is. */
  z.object({ type: z.literal('subscribe'), scope: id, checkpoint: z.string().max(200).nullable() }),
  z.object({ type: z.literal('unsubscribe'), scope: id }),
  /** With an exchange behind it. `id` is given back with the answer. */
  z.object({ type: z.literal('exchange'), id: whole }),
  z.object({ type: z.literal('pong') }),
]);

/** Heads of what the server sends. */
export const serverFrameMessage = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('welcome'),
    protocol: z.literal(protocolMarker),
    /** A ping comes about so often. */
    pingMs: z.number().int().min(1).max(integerMax),
  }),
  z.object({ type: z.literal('subscribed'), scope: id }),
  /** With an answer or an error behind it, as over HTTP. `retryAfter`: seconds. */
  z.object({
    type: z.literal('answer'),
    id: whole,
    status: z.number().int().min(100).max(599),
    retryAfter: whole.exactOptional(),
  }),
  /** With a live page behind it. */
  z.object({ type: z.literal('page'), scope: id }),
  /** There is something to pull. */
  z.object({ type: z.literal('poke'), scope: id }),
  /** With an error behind it: the hello was refused, or the credential is good for nothing now. Then the socket is closed. */
  z.object({
    type: z.literal('error'),
    status: z.number().int().min(100).max(599),
    retryAfter: whole.exactOptional(),
  }),
  z.object({ type: z.literal('ping') }),
]);

/** Records that nobody asked for: all that came between two heads of the scope. */
export const livePageMessage = z.object({
  protocol: z.literal(protocolMarker),
  /** The checkpoint that this page continues; a replica at another one does not apply it. */
  from: z.string(),
  checkpoint: z.string(),
  head: whole,
  records: answerMessage.shape.records,
  /** The ids of the mutations whose effects these are. */
  mutations: z.array(z.string()),
});

export type DeviceFrame = z.infer<typeof deviceFrameMessage>;
export type ServerFrame = z.infer<typeof serverFrameMessage>;
export type LivePage = Omit<z.infer<typeof livePageMessage>, 'records'> & { records: ChangedRecord[] };

/** Why a socket was closed, where WebSocket has no code of its own for it. */
export const liveCloseCodes = {
  /** A frame that does not fit the protocol. */
  malformed: 4400,
  /** The credential is missing, unknown, expired or revoked, or none came in time. */
  unauthenticated: 4401,
  /** The device was revoked, or the key is not for it. */
  forbidden: 4403,
  /** Too many sockets of one device or key, or too many frames. */
  tooMany: 4429,
} as const;

/** Splits a frame at its first line feed. */
export function splitFrame(text: string): { head: string; body: string | undefined } {
  const at = text.indexOf('\n');
  return at < 0 ? { head: text, body: undefined } : { head: text.slice(0, at), body: text.slice(at + 1) };
}
