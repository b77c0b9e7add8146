// The native protocol over HTTP: POST /v1/exchange and POST /v1/enrol. README.md is the contract.

import {
  answerMessage,
  enrolledMessage,
  enrolMessage,
  exchangeMessage,
  type Grants,
  protocolMarker,
  RequestError,
} from '@holdfast/core';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Identity, Proof } from '../../identity/identity.ts';
import { type ExchangeDeps, exchange, readRequest } from './exchange.ts';
import { readEnrol } from './wire.ts';

export interface NativeDeps extends ExchangeDeps {
  identity: Pick<Identity, 'prove' | 'enrol'>;
}

export function nativeRoutes(deps: NativeDeps): FastifyPluginAsync {
  const proofs = new WeakMap<FastifyRequest, Proof>();
  return async (app) => {
    app.post(
      '/v1/exchange',
      {
        config: {
          describes: {
            summary: 'A batch, and a page',
            body: exchangeMessage,
            response: { 200: answerMessage },
          },
        },
        // Before the body: nothing is read for a peer that nobody knows.
        onRequest: async (request) => {
          proofs.set(request, await deps.identity.prove(request.headers));
        },
      },
      async (request, reply) => {
        const proof = proofs.get(request);
        if (!proof) throw new RequestError('unauthenticated');
        const { text } = await exchange(deps, proof, readRequest(deps, request.body));
        return sendJson(reply, text);
      },
    );
    const enrols = { summary: 'A code for a key', body: enrolMessage, response: { 200: enrolledMessage } };
    app.post('/v1/enrol', { config: { open: true, describes: enrols } }, async (request, reply) => {
      const { code, device, name } = readEnrol(request.body, deps.limits);
      const address = request.raw.socket.remoteAddress ?? '';
      const { key, grants } = await deps.identity.enrol({ code, device, name, address });
      return sendJson(reply, enrolledText({ device, key, grants, nowMs: deps.clock.wallMs() }));
    });
  };
}

function enrolledText(enrolled: { device: string; key: string; grants: Grants; nowMs: number }): string {
  const { device, key, grants, nowMs } = enrolled;
  return JSON.stringify({ protocol: protocolMarker, device, key, grants, now: nowMs });
}

function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply.header('content-type', 'application/json; charset=utf-8').send(text);
}
