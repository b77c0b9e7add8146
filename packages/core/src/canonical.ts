// The canonical text of a JSON value (RFC 8785): equal values have equal text on every machine, so that hashes can be
// compared. Values come from parseJson or passed checkJson; their bounded depth is what makes the recursion here safe.

import type { Json, JsonObject } from './json.ts';

/**
 * Keys sorted by UTF-16 code units, numbers as ECMAScript prints them, -0 as 0, no spaces. Members that are undefined are
 * left out, as if they were absent. Throws a TypeError on what JSON does not have (NaN, a lone surrogate): JSON.stringify
 * would print null or an escape for it, and two different values would get one hash.
 */
export function canonicalJson(value: Json): string {
  switch (typeof value) {
    case 'string':
      return canonicalString(value);
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError('A number in canonical JSON is finite.');
      return String(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      return isArray(value) ? canonicalArray(value) : canonicalObject(value);
    default:
      throw new TypeError(`Canonical JSON has no ${typeof value}.`);
  }
}

/** Whether both have the same canonical text: key order does not matter, 0 equals -0, an undefined member is absent. */
export function equalJson(a: Json, b: Json): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (!isArray(a)) return !isArray(b) && equalObjects(a, b);
  if (!isArray(b) || a.length !== b.length) return false;
  for (const [at, item] of a.entries()) {
    const other = b[at];
    if (other === undefined || !equalJson(item, other)) return false;
  }
  return true;
}

function canonicalString(value: string): string {
  if (!value.isWellFormed()) throw new TypeError('A string in canonical JSON has no lone surrogate.');
  return JSON.stringify(value);
}

function canonicalArray(items: readonly Json[]): string {
  let text = '';
  for (const item of items) text += text === '' ? canonicalJson(item) : `,${canonicalJson(item)}`;
  return `[${text}]`;
}

function canonicalObject(object: JsonObject): string {
  let text = '';
  for (const key of Object.keys(object).sort()) {
    const member = object[key];
    if (member === undefined) continue;
    if (text !== '') text += ',';
    text += `${canonicalString(key)}:${canonicalJson(member)}`;
  }
  return `{${text}}`;
}

function equalObjects(a: JsonObject, b: JsonObject): boolean {
  let members = 0;
  for (const key of Object.keys(a)) {
    const member = a[key];
    if (member === undefined) continue;
    // An own member only: `b['constructor']` finds something in every object.
    const other = Object.hasOwn(b, key) ? b[key] : undefined;
    if (other === undefined || !equalJson(member, other)) return false;
    members += 1;
  }
  for (const key of Object.keys(b)) if (b[key] !== undefined) members -= 1;
  return members === 0;
}

/** Array.isArray does not narrow a readonly array out of a union. */
function isArray(value: readonly Json[] | JsonObject): value is readonly Json[] {
  return Array.isArray(value);
}
