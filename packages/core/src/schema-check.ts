// What a schema may be made of: zod types that judge a JSON value and leave it as it is.

import type { z } from 'zod';

const rewriting = new Set(['transform', 'pipe', 'default', 'prefault', 'catch', 'success']);
const notJson = new Set([
  'date',
  'bigint',
  'symbol',
  'undefined',
  'void',
  'map',
  'set',
  'function',
  'file',
  'promise',
  'nan',
]);

// A lazy type may make a new type each time it is opened, without end. No record is as deep as this.
const depthMax = 200;

interface ZodDefinition {
  type: string;
  coerce?: boolean;
  catchall?: unknown;
  getter?: () => unknown;
  innerType?: unknown;
  shape?: object;
  checks?: readonly { _zod: { def: { check: string } } }[];
  [part: string]: unknown;
}

/** Throws a TypeError naming the field whose type would rewrite what it reads, or holds what JSON has not. */
export function assertJudgesOnly(collection: string, fields: z.ZodObject): void {
  if (definitionOf(fields)?.type !== 'object')
    throw new TypeError(`Collection ${collection}: fields is a z.object.`);
  const seen = new Set<unknown>();
  const visit = (type: unknown, path: string, depth: number): void => {
    const definition = definitionOf(type);
    if (!definition || seen.has(type) || depth > depthMax) return;
    seen.add(type);
    const fail = (what: string): never => {
      throw new TypeError(`Collection ${collection}, ${path}: ${what}`);
    };
    if (rewriting.has(definition.type) || definition.coerce === true) {
      fail(
        `a schema judges and never rewrites; zod’s ${definition.coerce ? 'coerce' : definition.type} is not allowed.`,
      );
    }
    if (definition.checks?.some((check) => check._zod.def.check === 'overwrite')) {
      fail('a schema judges and never rewrites; trim, toLowerCase, normalize and the like are not allowed.');
    }
    if (notJson.has(definition.type)) fail(`a record is JSON, which has no ${definition.type}.`);
    if (definition.type === 'object' && definitionOf(definition.catchall)?.type === 'never') {
      fail('fields unknown to the schema stay; z.strictObject is not allowed.');
    }
    for (const [part, child] of childrenOf(definition))
      visit(child, part === '' ? path : `${path}.${part}`, depth + 1);
  };
  visit(fields, 'fields', 0);
}

/** Whether the field's type is a number, whatever optional or nullable wraps it. */
export function fieldIsNumber(fields: z.ZodObject, field: string): boolean {
  let definition = definitionOf(fields.shape[field]);
  while (definition && 'innerType' in definition) definition = definitionOf(definition.innerType);
  return definition?.type === 'number';
}

function definitionOf(type: unknown): ZodDefinition | undefined {
  return (type as { _zod?: { def?: ZodDefinition } } | undefined)?._zod?.def;
}

/** The types inside a type: zod keeps them under a handful of names; a lazy one is opened once. */
function childrenOf(definition: ZodDefinition): [string, unknown][] {
  const children: [string, unknown][] = [];
  if (definition.type === 'object') children.push(...Object.entries(definition.shape ?? {}));
  if (definition.type === 'lazy') children.push(['', definition.getter?.()]);
  for (const part of [
    'innerType',
    'element',
    'keyType',
    'valueType',
    'left',
    'right',
    'rest',
    'catchall',
    'in',
    'out',
  ]) {
    if (definition[part]) children.push(['', definition[part]]);
  }
  for (const part of ['options', 'items']) {
    for (const child of (definition[part] as readonly unknown[] | undefined) ?? [])
      children.push(['', child]);
  }
  return children;
}
