// Routes that say with zod what they read: the schema that describes a route is the one that judges its requests.

import { RequestError } from '@holdfast/core';
import type { FastifySchemaCompiler } from 'fastify';
import type { ZodType } from 'zod';

/** The first problem of a request is its answer, with the path of the field. */
export const checkByZod: FastifySchemaCompiler<ZodType> =
  ({ schema }) =>
  (data: unknown) => {
    const read = schema.safeParse(data);
    if (read.success) return { value: read.data };
    const [issue] = read.error.issues;
    const field = pathText(issue?.path ?? []);
    const what = issue?.message ?? 'it cannot be read';
    return {
      error: new RequestError('malformed', { field, message: field === '' ? what : `${field}: ${what}` }),
    };
  };

/** `rows[0].id`, as the engine writes paths. */
export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
}
