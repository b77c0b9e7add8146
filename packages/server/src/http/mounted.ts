// Protocols below their prefixes: which of them a path belongs to, how its errors look there, and how its routes are taken in.

import compress from '@fastify/compress';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import type { Mount } from '../protocols/mount.ts';
import type { CallerRules, Origins } from './callers.ts';
import type { ErrorReply } from './error-answer.ts';
import { ownPaths } from './own-paths.ts';
import { checkByZod } from './zod-routes.ts';

export interface MountedProtocol {
  name: string;
  /** '' for the root. */
  prefix: string;
  mount: Mount;
  /** Pages that may read answers, where the config lists none. */
  origins: 'any' | 'near';
  gzip: boolean;
}

/** The protocol with the longest prefix above the path. Undefined: the path is the server's own, or nobody's. */
export function mountedAt(
  mounted: readonly MountedProtocol[],
  url: string | undefined,
): MountedProtocol | undefined {
  const path = pathOf(url ?? '');
  const below = (prefix: string): boolean => path === prefix || path.startsWith(`${prefix}/`);
  if (ownPaths.some(below)) return undefined;
  // What never became a request has no path; a protocol at the root answers it.
  const above = mounted.filter(({ prefix }) => prefix === '' || below(prefix));
  return above.sort((a, b) => b.prefix.length - a.prefix.length)[0];
}

export function pathOf(url: string): string {
  const [path = ''] = url.split('?', 1);
  return path;
}

/** `/ping/` is `/ping` to existing clients, whose servers let it pass. */
export function withoutLastSlash(url: string): string {
  return url.replace(/^([^?]*[^?/])\/(?=\?|$)/, '$1');
}

/** The config's list, or the rule of the place. */
export function originsAt(
  { corsOrigins }: Pick<CallerRules, 'corsOrigins'>,
  at: MountedProtocol | undefined,
): Origins {
  return corsOrigins ?? at?.origins ?? [];
}

/** The body of an error as the clients there expect it. */
export function shapeOf({ status, body }: ErrorReply, at: MountedProtocol | undefined): unknown {
  if (!at) return body;
  const { code, message, field } = body.error;
  return at.mount.errorBody({ status, code, message, ...(field === undefined ? {} : { field }) });
}

export function registerMounted(app: FastifyInstance, { prefix, mount, gzip }: MountedProtocol): void {
  const routes: FastifyPluginAsync = async (below) => {
    below.setValidatorCompiler(checkByZod);
    // A schema of answers describes them; they leave as the protocol made them.
    below.setSerializerCompiler(() => JSON.stringify);
    if (gzip)
      await below.register(compress, { encodings: ['gzip'], globalDecompression: false, threshold: 0 });
    await below.register(mount.routes);
  };
  void app.register(routes, { prefix });
}
