// Reads a request's body within bounds: JSON in UTF-8, plain or with one layer of gzip. Counts while it streams, before and
// after decompression, and over all requests together, so that memory does not follow what peers send.

import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import {
  type ItemPaths,
  type Json,
  type JsonBounds,
  type JsonResult,
  type Limits,
  parseItems,
  parseJson,
  RequestError,
} from '@holdfast/core';
import type { Budget } from './budget.ts';

export type BodyBounds = Pick<
  Limits,
  'bodyBytesMax' | 'bodyInflatedBytesMax' | 'jsonDepthMax' | 'jsonKeysMax' | 'jsonValuesMax'
>;

/** Throws RequestError `unsupported_media` unless the headers announce what is read here. Answers whether it is compressed. */
export function checkMedia(headers: IncomingHttpHeaders): { gzip: boolean } {
  const type = headers['content-type'] ?? '';
  if (!/^application\/json\s*(;\s*charset\s*=\s*("utf-8"|utf-8)\s*)?$/i.test(type))
    throw new RequestError('unsupported_media', { field: 'content-type' });
  const encoding = (headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding !== 'identity' && encoding !== 'gzip')
    throw new RequestError('unsupported_media', { field: 'content-encoding' });
  return { gzip: encoding === 'gzip' };
}

/** Parses what `readBytes` read. Throws RequestError with the code and field of the first problem. */
export function parseBody(bytes: Uint8Array, bounds: BodyBounds): Json {
  return valueIn(parseJson(decode(bytes), jsonBounds(bounds)));
}

/** As `parseBody`, with a SpoiledItem in the place of each item that may not be kept. */
export function parseBodyItems(bytes: Uint8Array, bounds: BodyBounds, paths: ItemPaths): unknown {
  return valueIn(parseItems(decode(bytes), jsonBounds(bounds), paths));
}

function jsonBounds({ jsonDepthMax, jsonKeysMax, jsonValuesMax }: BodyBounds): JsonBounds {
  return { depthMax: jsonDepthMax, keysMax: jsonKeysMax, valuesMax: jsonValuesMax };
}

function valueIn<Value>(result: { ok: true; value: Value } | Extract<JsonResult, { ok: false }>): Value {
  if (result.ok) return result.value;
  const { code, field, message } = result.problem;
  throw new RequestError(code, { field: field === '' ? 'body' : field, message });
}

function decode(bytes: Uint8Array): string {
  try {
    // A byte order mark stays and is refused as any other stray character.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new RequestError('json_syntax', { field: 'body', message: 'The body is not UTF-8.' });
  }
}

export interface BodySource {
  stream: Readable;
  /** As announced; undefined when it comes in chunks. */
  length: number | undefined;
  gzip: boolean;
}

// A peer that is refused in the middle of sending hears the answer only if somebody reads what it still sends.
const discardFactor = 8;

/** Resolves with the whole body, inflated. What it took of the budget is given back by `release`. */
export function readBytes(
  source: BodySource,
  bounds: BodyBounds,
  budget: Budget,
): { bytes: Promise<Buffer>; release: () => void } {
  let taken = 0;
  const release = (): void => {
    budget.give(taken);
    taken = 0;
  };
  const take = (bytes: number): boolean => {
    if (!budget.take(bytes)) return false;
    taken += bytes;
    return true;
  };
  return { bytes: collect(source, bounds, take), release };
}

function collect(
  { stream, length, gzip }: BodySource,
  bounds: BodyBounds,
  take: (bytes: number) => boolean,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const gunzip = gzip ? createGunzip() : undefined;
    const inflatedMax = gzip ? bounds.bodyInflatedBytesMax : bounds.bodyBytesMax;
    const discardMax = bounds.bodyBytesMax * discardFactor;
    let chunks: Buffer[] = [];
    let arrived = 0;
    let kept = 0;
    let refusal: RequestError | undefined;

    const refuse = (error: RequestError): void => {
      if (refusal) return;
      refusal = error;
      chunks = [];
      gunzip?.destroy();
      stream.resume();
      if (stream.readableEnded || (length ?? 0) > discardMax) reject(error);
    };
    const keep = (chunk: Buffer): void => {
      if (refusal) return;
      kept += chunk.length;
      if (kept > inflatedMax) refuse(tooLarge());
      else if (take(chunk.length)) chunks.push(chunk);
      else refuse(new RequestError('overloaded'));
    };
    stream.on('data', (chunk: Buffer) => {
      arrived += chunk.length;
      if (refusal && arrived > discardMax) reject(refusal);
      if (refusal) return;
      if (arrived > bounds.bodyBytesMax) refuse(tooLarge());
      else if (!gunzip) keep(chunk);
      else if (!gunzip.write(chunk)) {
        stream.pause();
        gunzip.once('drain', () => stream.resume());
      }
    });
    stream.on('end', () => {
      if (refusal) reject(refusal);
      else if (gunzip) gunzip.end();
      else resolve(Buffer.concat(chunks));
    });
    const cutShort = (): void => {
      gunzip?.destroy();
      reject(refusal ?? new RequestError('malformed', { field: 'body', message: 'The body was cut short.' }));
    };
    stream.on('error', cutShort);
    stream.on('close', () => {
      if (!stream.readableEnded) cutShort();
    });
    gunzip?.on('data', keep);
    gunzip?.on('end', () => resolve(Buffer.concat(chunks)));
    gunzip?.on('error', () =>
      refuse(
        new RequestError('malformed', { field: 'body', message: 'The gzip stream is damaged or cut short.' }),
      ),
    );
    if ((length ?? 0) > bounds.bodyBytesMax) refuse(tooLarge());
  });
}

function tooLarge(): RequestError {
  return new RequestError('too_large', { field: 'body' });
}
