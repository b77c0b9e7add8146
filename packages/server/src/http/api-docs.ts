// `/api-docs`: every route of this server as OpenAPI, written from the schemas that judge its requests. Pages for people, and
// `/api-docs/json` for programs; neither asks for a credential, and neither tells what is stored.

import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify';
import { ZodType, z } from 'zod';
import { type MountedProtocol, mountedAt } from './mounted.ts';

export interface ApiDocs {
  version: string;
  /** Whether routes ask for a key or token, if they do not say `open`. */
  guarded: boolean;
}

/** Before the routes: each is noted as it is added. */
export function describeRoutes(
  app: FastifyInstance,
  { version, guarded }: ApiDocs,
  mounted: readonly MountedProtocol[],
): void {
  void app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Holdfast', version },
      // Relative to this page, however the server is reached.
      servers: [{ url: '/' }],
      components: { securitySchemes: { credential: { type: 'http', scheme: 'bearer' } } },
    },
    transform: ({ schema, url, route }) => ({
      url,
      schema: describe(schema, { route, guarded, tag: tagOf(url, mounted) }),
    }),
  });
  void app.register(swaggerUi, {
    routePrefix: '/api-docs',
    uiConfig: { validatorUrl: null },
    staticCSP: true,
    transformStaticCSP: onPlainHttp,
  });
}

/** The page asks nobody else, and a server on the local network has no TLS to which a browser could move. */
function onPlainHttp(policy: string): string {
  return policy.replace(/ upgrade-insecure-requests;?/, '').replace(' validator.swagger.io', '');
}

function tagOf(url: string, mounted: readonly MountedProtocol[]): string {
  const at = mountedAt(mounted, url);
  if (at) return at.name;
  if (url.startsWith('/v1/admin/')) return 'operator';
  return url.startsWith('/v1/') ? 'native' : 'health';
}

function describe(
  schema: FastifySchema | undefined,
  { route, guarded, tag }: { route: RouteOptions; guarded: boolean; tag: string },
): FastifySchema {
  const { open = false, describes } = route.config ?? {};
  const { body, querystring, params, headers, response, ...words } = { ...schema, ...describes };
  const parts = Object.entries({ body, querystring, params, headers }).flatMap(([part, given]) =>
    given === undefined ? [] : [[part, jsonSchemaOf(given)] as const],
  );
  const answers = Object.entries(response ?? {}).map(
    ([status, given]) => [status, jsonSchemaOf(given)] as const,
  );
  return {
    tags: [tag],
    ...(guarded && !open ? { security: [{ credential: [] }] } : {}),
    ...words,
    ...Object.fromEntries(parts),
    ...(answers.length === 0 ? {} : { response: Object.fromEntries(answers) }),
  };
}

function jsonSchemaOf(given: unknown): unknown {
  if (!(given instanceof ZodType)) return given;
  // What a client sends; a rule that JSON Schema has no word for is left out.
  const { $schema: _, ...schema } = z.toJSONSchema(given, { io: 'input', unrepresentable: 'any' });
  return schema;
}
