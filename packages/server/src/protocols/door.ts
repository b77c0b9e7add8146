// Who asks a protocol's routes: proven before a handler runs, on every route that does not say `config: { open: true }`, so that no
// protocol can forget it.

import { type ItemPaths, RequestError } from '@holdfast/core';
import type { FastifyRequest } from 'fastify';
import type { ZodType } from 'zod';
import type { Caller } from '../engine/engine.ts';
import type { Identity, Proof } from '../identity/identity.ts';

export interface Door {
  /** Throws RequestError `unauthenticated` or `device_revoked`. */
  prove(request: FastifyRequest): Promise<void>;
  /**
   * The proven caller, speaking for a device; without one, for that which the key was issued to, if any. Throws RequestError `forbidden`
   * for a key that was issued to another one.
   */
  caller(request: FastifyRequest, device?: string): Caller;
}

export function createDoor(identity: Identity): Door {
  const proofs = new WeakMap<FastifyRequest, Proof>();
  return {
    async prove(request) {
      if (request.routeOptions.config.open !== true)
        proofs.set(request, await identity.prove(request.headers));
    },
    caller(request, device) {
      const proof = proofs.get(request);
      if (!proof) throw new RequestError('unauthenticated', { field: 'authorization' });
      return callerOf(proof, device);
    },
  };
}

/** The device is what the request says, unless the key was issued to one. */
export function callerOf(proof: Proof, device = proof.device ?? ''): Caller {
  const { key, device: owner, actor, expiresAt, token } = proof;
  if (owner !== null && owner !== device) {
    throw new RequestError('forbidden', {
      field: 'device',
      message: 'The key was issued to another device.',
    });
  }
  return {
    ...{ key, device, actor },
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(token === undefined ? {} : { token }),
  };
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Nobody is asked for a credential. */
    open?: boolean;
    /** Where its body holds what is judged by itself: what no store could hold comes as a SpoiledItem, and refuses no other. */
    items?: ItemPaths;
    /** Of a route that judges its requests by itself: what it reads and answers, to be read at `/api-docs`. */
    describes?: {
      summary?: string;
      body?: ZodType;
      response?: Readonly<Record<number, ZodType>>;
    };
  }
}
