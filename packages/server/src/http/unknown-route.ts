// Why no route answers a request: nothing stands at its path, or what stands there takes other methods.

import { RequestError } from '@holdfast/core';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** Before the routes: each is noted as it is added. */
export function noteRoutes(app: FastifyInstance): (request: FastifyRequest) => RequestError {
  const noted: { methods: readonly string[]; path: RegExp }[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    // HEAD comes with each GET, and is nothing that a peer would have to be told.
    const methods = [method].flat().filter((name) => name !== 'HEAD');
    const path = url.split('/').map((part) => (part.startsWith(':') ? '[^/]+' : RegExp.escape(part)));
    noted.push({ methods, path: new RegExp(`^${path.join('/')}$`) });
  });
  return ({ url }) => {
    const asked = url.split('?', 1)[0] ?? '';
    const there = noted.filter(({ path }) => path.test(asked)).flatMap(({ methods }) => methods);
    return there.length > 0
      ? new RequestError('method_refused', {
          field: 'method',
          details: { allow: [...new Set(there)].join(', ') },
        })
      : new RequestError('not_found', { field: 'path' });
  };
}
