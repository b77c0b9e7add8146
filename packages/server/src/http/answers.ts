// Answers on their way: what all of them take together is bounded, because a peer may read as slowly as it likes; and what a peer
// still sends after its answer is read only so far that it can hear it.

import { RequestError } from '@holdfast/core';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { createBudget } from './budget.ts';

export interface AnswerBounds {
  /** All answers that are not sent yet. */
  answersBytesMax: number;
  /** Of one request, behind its answer. */
  restBytesMax: number;
}

// A page of records is large; who is told that there is no room for one must be told.
const smallChars = 16_384;

export function boundAnswers(app: FastifyInstance, { answersBytesMax, restBytesMax }: AnswerBounds): void {
  const budget = createBudget(answersBytesMax);
  app.addHook('onSend', async (request, reply, payload) => {
    cutRest(request, restBytesMax);
    if (typeof payload !== 'string' || payload.length <= smallChars) return;
    const bytes = Buffer.byteLength(payload);
    if (!budget.take(bytes)) throw new RequestError('overloaded');
    // Sent, or its peer is gone.
    reply.raw.once('close', () => budget.give(bytes));
  });
}

/** Before the answer is sent: then Node would read the rest itself, however much there is of it. */
function cutRest({ raw }: FastifyRequest, bytesMax: number): void {
  if (raw.complete) return;
  let rest = 0;
  raw.on('data', (chunk: Buffer) => {
    rest += chunk.length;
    if (rest > bytesMax) raw.destroy();
  });
}
