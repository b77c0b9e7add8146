// The native protocol over HTTP: POST /v1/exchange and POST /v1/enrol. README.md is the contract.

import {
  type Clock,
  type Grants,
  type Limits,
  protocolMarker,
  RequestError,
  type Schema,
  type Sha256,
} from '@holdfast/core';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Caller, Engine } from '../../engine/engine.ts';
import type { Identity, Proof } from '../../identity/identity.ts';
import { answerText, pullOf, pushOf } from './translate.ts';
import { readEnrol, readExchange } from './wire.ts';

export interface NativeDeps {
  engine: Pick<Engine, 'push' | 'pull'>;
  identity: Identity;
  schema: Schema;
  limits: Limits;
  clock: Clock;
  sha256: Sha256;
}

export function nativeRoutes(deps: NativeDeps): FastifyPluginAsync {
  const proofs = new WeakMap<FastifyRequest, Proof>();
  return async (app) => {
    app.post(
      '/v1/exchange',
      {
        // Before the body: nothing is read for a peer that nobody knows.
        onRequest: async (request) => {
          proofs.set(request, await deps.identity.prove(request.headers));
        },
      },
      async (request, reply) => {
        const proof = proofs.get(request);
        if (!proof) throw new RequestError('unauthenticated');
        return sendJson(reply, await exchange(deps, proof, request.body));
      },
    );
    app.post('/v1/enrol', async (request, reply) => {
      const { code, device, name } = readEnrol(request.body, deps.limits);
      const address = request.raw.socket.remoteAddress ?? '';
      const { key, grants } = await deps.identity.enrol({ code, device, name, address });
      return sendJson(reply, enrolledText({ device, key, grants, nowMs: deps.clock.wallMs() }));
    });
  };
}

async function exchange(deps: NativeDeps, proof: Proof, body: unknown): Promise<string> {
  const { engine, schema, limits, sha256, clock } = deps;
  const request = readExchange(body, { limits, schema });
  const caller = callerOf(proof, request.device);
  const push = pushOf(request, { schema, limits, sha256, atMs: clock.wallMs() });
  // A refused batch answers its error alone: the replica must act on it before it reads on.
  const pushed = push && (await engine.push(caller, request.scope, push));
  const pulled = await engine.pull(caller, request.scope, pullOf(request));
  return answerText({ request, pushed, pulled, nowMs: clock.wallMs() });
}

/** The device is what the request says, unless the key was issued to one. */
function callerOf(proof: Proof, device: string): Caller {
  if (proof.device !== null && proof.device !== device)
    throw new RequestError('forbidden', {
      field: 'device',
      message: 'The key was issued to another device.',
    });
  return { key: proof.key, device, actor: proof.actor };
}

function enrolledText(enrolled: { device: string; key: string; grants: Grants; nowMs: number }): string {
  const { device, key, grants, nowMs } = enrolled;
  return JSON.stringify({ protocol: protocolMarker, device, key, grants, now: nowMs });
}

function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply.header('content-type', 'application/json; charset=utf-8').send(text);
}
