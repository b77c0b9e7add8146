// One exchange, however it came: a batch to the engine, then a page and the verdicts from it.

import {
  type Clock,
  type ExchangeRequest,
  type Limits,
  RequestError,
  type Schema,
  type Sha256,
} from '@holdfast/core';
import type { Engine } from '../../engine/engine.ts';
import type { Proof } from '../../identity/identity.ts';
import { callerOf } from '../door.ts';
import { answerText, pullOf, pushOf } from './translate.ts';
import { readExchange } from './wire.ts';

export interface ExchangeDeps {
  engine: Pick<Engine, 'push' | 'pull'>;
  schema: Schema;
  limits: Limits;
  clock: Clock;
  sha256: Sha256;
}

export interface Exchanged {
  /** The answer. */
  text: string;
  /** What its page brought the replica to. */
  checkpoint: string | null;
  head: number;
  /** The replica comes again by itself. */
  more: boolean;
}

/** Throws RequestError with the field for what is no exchange of this protocol. */
export function readRequest({ limits, schema }: ExchangeDeps, body: unknown): ExchangeRequest {
  return readExchange(body, { limits, schema });
}

export async function exchange(
  deps: ExchangeDeps,
  proof: Proof,
  request: ExchangeRequest,
): Promise<Exchanged> {
  const { engine, schema, limits, sha256, clock } = deps;
  const caller = callerOf(proof, request.device);
  const pull = pullOf(request);
  const push = pushOf(request, { schema, limits, sha256, atMs: clock.wallMs() });
  // A refused batch answers its error alone: the replica must act on it before it reads on.
  const pushed = push && (await engine.push(caller, request.scope, { ...push, pull }));
  const pulled =
    pushed?.pulled ??
    (await engine.pull(caller, request.scope, pull).catch((cause: unknown) => {
      // The codes of a refusal say that nothing was taken.
      throw pushed ? new RequestError('unanswered', { cause }) : cause;
    }));
  const text = answerText({ request, pushed, pulled, nowMs: clock.wallMs() });
  // Who reads some collections comes again for the others.
  const more = pulled.more || request.collections !== undefined;
  return { text, checkpoint: pulled.checkpoint, head: pulled.head, more };
}
