// The operator's routes, `POST /v1/admin/<operation>`: for commands on this machine that can read the token in the data folder.

import { createHash } from 'node:crypto';
import { type Clock, protocolMarker, RequestError } from '@holdfast/core';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import ipaddr from 'ipaddr.js';
import { type ZodObject, z } from 'zod';
import { type Admin, type AdminOperation, adminInputs } from '../admin/admin.ts';
import { serverProof } from '../admin/server-proof.ts';
import { sameHash } from '../identity/key-text.ts';
import { pathText } from './zod-routes.ts';

export interface AdminRoutesDeps {
  admin: Admin;
  /** What stands in `admin.token`. */
  token: string;
  clock: Clock;
}

export function adminRoutes({ admin, token, clock }: AdminRoutesDeps): FastifyPluginAsync {
  const expected = hashOf(token);
  return async (app) => {
    const proving = {
      describes: { summary: 'Proves that it knows the token', body: proveInput },
      open: true,
    };
    const onProve = async (request: FastifyRequest): Promise<void> => checkMachine(request);
    app.post('/v1/admin/prove', { config: proving, onRequest: onProve }, async (request) => {
      const { nonce } = readInput(proveInput, request.body);
      const proof = serverProof(token, { nonce, port: request.raw.socket.localPort ?? 0 });
      return { protocol: protocolMarker, result: { proof }, now: clock.wallMs() };
    });
    // Before the body is read: it is nobody else's business what the operator may be asked.
    const onRequest = async (request: FastifyRequest): Promise<void> => {
      checkMachine(request);
      checkToken(request, expected);
    };
    for (const operation of Object.keys(adminInputs) as AdminOperation[]) {
      const summary = 'For commands on this machine, with the token in the data folder';
      const config = { describes: { summary, body: adminInputs[operation] } };
      app.post(`/v1/admin/${operation}`, { config, onRequest }, async (request) => {
        // A backup answers when it is done, however long nothing moves on the socket.
        if (operation === 'backup') request.raw.socket.setTimeout(0);
        const result = await run(admin, operation, request.body);
        return { protocol: protocolMarker, result, now: clock.wallMs() };
      });
    }
  };
}

/** What a command asks before it shows the token. */
const proveInput = z.object({ nonce: z.string().length(43) });

function run(admin: Admin, operation: AdminOperation, body: unknown): Promise<unknown> {
  const input = readInput<ZodObject>(adminInputs[operation], body);
  return (admin[operation] as (input: unknown) => Promise<unknown>)(input);
}

function readInput<Schema extends ZodObject>(schema: Schema, body: unknown): z.infer<Schema> {
  const input = schema.safeParse(body);
  if (input.success) return input.data;
  const [issue] = input.error.issues;
  throw new RequestError('malformed', {
    field: pathText(issue?.path ?? []),
    message: issue?.message ?? 'The input cannot be read.',
  });
}

function checkMachine({ headers, raw }: FastifyRequest): void {
  // A proxy on this machine speaks for others, and a browser for its pages.
  if (!isThisMachine(raw.socket) || headers['x-forwarded-for'] !== undefined || headers.origin !== undefined)
    throw new RequestError('forbidden', { field: 'address', message: 'Only this machine’s commands may.' });
}

function checkToken({ headers }: FastifyRequest, expected: string): void {
  const [, given = ''] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
  if (!sameHash(hashOf(given), expected))
    throw new RequestError('unauthenticated', { field: 'authorization' });
}

/** Loopback; or the address of this machine itself, when the server is bound to that one. */
function isThisMachine({ remoteAddress, localAddress }: FastifyRequest['raw']['socket']): boolean {
  if (remoteAddress === undefined || !ipaddr.isValid(remoteAddress)) return false;
  return ipaddr.process(remoteAddress).range() === 'loopback' || remoteAddress === localAddress;
}

/** Hashes have one length, which a comparison in constant time needs. */
function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
