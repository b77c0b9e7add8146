// JSON at the door: what every store, wire and runtime of ours holds exactly, and nothing else.
//
// A text is scanned before JSON.parse builds it, in one pass without recursion, because JSON.parse silently keeps the last
// of two equal keys, rounds numbers, takes any depth and width, and has made the whole value before anybody can object.
// The scan is strict: what it accepts, JSON.parse accepts.

import { isHeld, parseDecimal } from './decimal.ts';
import { type Problem, type RequestErrorCode, requestErrors } from './errors.ts';
import { defaultLimits } from './limits.ts';

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export type JsonObject = { readonly [key: string]: Json };

export interface JsonBounds {
  /** Containers within containers: `1` has depth 0, `[]` has 1. */
  depthMax: number;
  /** Members of one object. */
  keysMax: number;
  /** Values in all, containers included. Absent: as in the default limits, because none of these may be without a bound. */
  valuesMax?: number;
}

export type JsonProblemCode = Extract<RequestErrorCode, `json_${string}`>;

/** The message quotes nothing of the content, so it may be logged. */
export interface JsonProblem extends Problem<JsonProblemCode> {
  /** Where, such as `batch.mutations[3].changes[0].body.price`; empty for the value as a whole. */
  field: string;
}

export type JsonResult = { ok: true; value: Json } | { ok: false; problem: JsonProblem };

/** Reads one JSON text. Answers the first problem in the order of the text; never throws. -0 stays -0 (stored as 0). */
export function parseJson(text: string, bounds: JsonBounds): JsonResult {
  const limits = bounded(bounds);
  const wellFormed = text.isWellFormed();
  const scan: Scan = { text, bounds: limits, wellFormed, at: 0, values: 0, depth: 0, top: undefined };
  let code = scanValue(scan);
  while (code === undefined && scan.top !== undefined) code = scanNext(scan, scan.top);
  if (code === undefined && !Number.isNaN(skipSpace(scan))) code = 'json_syntax';
  if (code === undefined) return { ok: true, value: JSON.parse(text) };
  const problem = problemAt(scan.top, code);
  if (code === 'json_syntax') problem.message += ` See character ${scan.at + 1}.`;
  return { ok: false, problem };
}

/**
 * Judges a value in memory by the rules of `parseJson`. Only what JSON text brings back whole passes: plain objects and
 * arrays, without holes, symbols, hidden members or members beside the items. A cycle is too deep. -0 passes.
 */
export function checkJson(value: unknown, bounds: JsonBounds): JsonProblem | undefined {
  const root: ValuePlace = { parent: undefined, step: undefined, value, depth: 0 };
  const walk: Walk = { bounds: bounded(bounds), values: 1, waiting: [root] };
  for (let next = walk.waiting.pop(); next !== undefined; next = walk.waiting.pop()) {
    const code = walkValue(walk, next);
    if (code !== undefined) return problemAt(next, code);
  }
  return undefined;
}

/** Undefined: no problem so far. The field is worked out only when there is one, from the place that was reached. */
type Code = JsonProblemCode | undefined;

/** The chain of places is the path to a value: `step` is the key or index that leads on from `parent`. */
interface Place {
  parent: Place | undefined;
  step: string | number | undefined;
}

/** An array or object that is open; `step` leads to the member that is read. */
interface OpenPlace extends Place {
  parent: OpenPlace | undefined;
  isArray: boolean;
  /** Members begun. */
  count: number;
  /** Of an object, in the order of the text. */
  keys: string[];
  /** The same, once they are too many to compare each with each. */
  keySet: Set<string> | undefined;
}

interface Scan {
  readonly text: string;
  readonly bounds: Required<JsonBounds>;
  /** Of the whole text: then no string needs to be searched for lone surrogates unless it has escapes. */
  readonly wellFormed: boolean;
  at: number;
  values: number;
  depth: number;
  top: OpenPlace | undefined;
}

/** A value in memory; `step` leads to it. */
interface ValuePlace extends Place {
  value: unknown;
  depth: number;
}

interface Walk {
  readonly bounds: Required<JsonBounds>;
  /** Judged or waiting, so that what waits is bounded too. */
  values: number;
  waiting: ValuePlace[];
}

const char = { quote: 0x22, comma: 0x2c, colon: 0x3a, backslash: 0x5c };
const open = { array: 0x5b, object: 0x7b };
const close = { array: 0x5d, object: 0x7d };
const numberCharsMax = 40;
const numberShape = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
/** Such a word of up to 15 characters needs no further look: a double holds every decimal of 15 digits. */
const plainWordShape = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?)$/;
/** Up to here comparing each with each is faster than a Set. */
const comparedKeysMax = 12;

/** Reads a scalar whole; of a container, the bracket that opens it. */
function scanValue(scan: Scan): Code {
  const first = skipSpace(scan);
  scan.values += 1;
  if (scan.values > scan.bounds.valuesMax) return 'json_too_many_keys';
  if (first === char.quote) return scanString(scan, undefined);
  if (first !== open.array && first !== open.object) return scanWord(scan);
  if (scan.depth === scan.bounds.depthMax) return 'json_too_deep';
  scan.at += 1;
  scan.depth += 1;
  const isArray = first === open.array;
  scan.top = { parent: scan.top, step: undefined, isArray, count: 0, keys: [], keySet: undefined };
  return undefined;
}

/** Inside the container `top`: reads its end, or its next member as far as `scanValue` goes. */
function scanNext(scan: Scan, top: OpenPlace): Code {
  let next = skipSpace(scan);
  if (next === (top.isArray ? close.array : close.object)) {
    scan.at += 1;
    scan.depth -= 1;
    scan.top = top.parent;
    return undefined;
  }
  if (top.count > 0) {
    if (next !== char.comma) return 'json_syntax';
    scan.at += 1;
    next = skipSpace(scan);
  }
  top.step = top.isArray ? top.count : undefined;
  top.count += 1;
  return top.isArray ? scanValue(scan) : scanMember(scan, top, next);
}

function scanMember(scan: Scan, owner: OpenPlace, first: number): Code {
  if (first !== char.quote) return 'json_syntax';
  if (owner.count > scan.bounds.keysMax) return 'json_too_many_keys';
  const code = scanString(scan, owner);
  if (code !== undefined) return code;
  if (skipSpace(scan) !== char.colon) return 'json_syntax';
  scan.at += 1;
  return scanValue(scan);
}

/** Reads a string: a key of `owner`, or a value. */
function scanString(scan: Scan, owner: OpenPlace | undefined): Code {
  const { text, at: start } = scan;
  let at = start + 1;
  let escaped = false;
  for (let code = text.charCodeAt(at); code !== char.quote; code = text.charCodeAt(at)) {
    if (code === 0) return 'json_string';
    // A control character, or the end of the text: there the code is NaN.
    if (!(code >= 0x20)) return 'json_syntax';
    if (code === char.backslash) escaped = true;
    at += code === char.backslash ? 2 : 1;
  }
  scan.at = at + 1;
  // Most values are done here: nothing to unescape, nothing to compare.
  if (owner === undefined && !escaped && scan.wellFormed) return undefined;
  const content = escaped ? unescaped(text.slice(start, at + 1)) : text.slice(start + 1, at);
  if (content === undefined) return 'json_syntax';
  if (owner !== undefined) owner.step = content;
  if ((escaped || !scan.wellFormed) && !isWhole(content)) return 'json_string';
  return owner === undefined ? undefined : scanKey(owner, content);
}

function scanKey(owner: OpenPlace, key: string): Code {
  if (isForbidden(key)) return 'json_forbidden_key';
  if (owner.count > comparedKeysMax) owner.keySet ??= new Set(owner.keys);
  if (owner.keySet?.has(key) ?? owner.keys.includes(key)) return 'json_duplicate_key';
  owner.keys.push(key);
  owner.keySet?.add(key);
  return undefined;
}

/** Reads what has no quotes: true, false, null or a number, which goes as far as the next space or separator. */
function scanWord(scan: Scan): Code {
  const { text, at: start } = scan;
  let at = start;
  for (let code = text.charCodeAt(at); isWordCode(code); code = text.charCodeAt(at)) at += 1;
  // One more than a number may have is enough to see that it has too many.
  const word = text.slice(start, Math.min(at, start + numberCharsMax + 1));
  if (word.length > 15 || !plainWordShape.test(word)) {
    if (word.length > numberCharsMax && /^-?\d/.test(word)) return 'json_number';
    if (!numberShape.test(word)) return 'json_syntax';
    if (parseDecimal(word) === undefined) return 'json_number';
  }
  scan.at = at;
  return undefined;
}

/** Not a space, comma or closing bracket; NaN, the end of the text, is none either. */
function isWordCode(code: number): boolean {
  return code > 0x20 && code !== char.comma && code !== close.array && code !== close.object;
}

/** Moves to the next character that is no space and answers its code; NaN at the end of the text. */
function skipSpace(scan: Scan): number {
  let code = scan.text.charCodeAt(scan.at);
  while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) {
    scan.at += 1;
    code = scan.text.charCodeAt(scan.at);
  }
  return code;
}

/** What a string literal stands for; undefined when one of its escapes is wrong. */
function unescaped(literal: string): string | undefined {
  try {
    return JSON.parse(literal);
  } catch {
    return undefined;
  }
}

function walkValue(walk: Walk, place: ValuePlace): Code {
  const { step, value } = place;
  if (typeof step === 'string') {
    if (isForbidden(step)) return 'json_forbidden_key';
    if (!isWhole(step)) return 'json_string';
  }
  if (value === null || typeof value === 'boolean') return undefined;
  if (typeof value === 'string') return isWhole(value) ? undefined : 'json_string';
  if (typeof value === 'object') return walkMembers(walk, place, value);
  if (typeof value !== 'number' || !Number.isFinite(value)) return 'json_value';
  return isHeld(value) ? undefined : 'json_number';
}

function walkMembers(walk: Walk, place: ValuePlace, container: object): Code {
  const { bounds } = walk;
  if (place.depth === bounds.depthMax) return 'json_too_deep';
  if (!isPlain(container)) return 'json_value';
  const items: readonly unknown[] | undefined = Array.isArray(container) ? container : undefined;
  // Before the members are listed, because an array may be long without holding anything.
  if (items !== undefined && walk.values + items.length > bounds.valuesMax) return 'json_too_many_keys';
  const members = items === undefined ? Object.entries(container) : [...items.entries()];
  if (items === undefined && members.length > bounds.keysMax) return 'json_too_many_keys';
  // `length` is a key of an array; any other key more is a symbol, hidden, or beside the items.
  const keysMore = Reflect.ownKeys(container).length - members.length;
  if (keysMore !== (items === undefined ? 0 : 1)) return 'json_value';
  walk.values += members.length;
  if (walk.values > bounds.valuesMax) return 'json_too_many_keys';
  // The last one first, so that the first one is the next to be judged.
  for (const [step, value] of members.reverse()) {
    walk.waiting.push({ parent: place, step, value, depth: place.depth + 1 });
  }
  return undefined;
}

/** In any realm the prototype of arrays is an array, and that of objects has no prototype; a class's is neither. */
function isPlain(container: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(container);
  if (Array.isArray(container)) return Array.isArray(prototype);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Such a key changes an object's nature where members are copied; a backslash makes V8 14.6 read keys of later texts as that one. */
function isForbidden(key: string): boolean {
  return key === '__proto__' || key === 'constructor' || key === 'prototype' || key.includes('\\');
}

function isWhole(content: string): boolean {
  return content.isWellFormed() && !content.includes('\0');
}

function bounded({ depthMax, keysMax, valuesMax }: JsonBounds): Required<JsonBounds> {
  return { depthMax, keysMax, valuesMax: valuesMax ?? defaultLimits.jsonValuesMax };
}

function problemAt(place: Place | undefined, code: JsonProblemCode): JsonProblem {
  let field = '';
  for (let at = place; at !== undefined; at = at.parent) {
    if (at.step !== undefined) field = pathStep(at.step) + field;
  }
  return { code, field: field.replace(/^\./, ''), message: requestErrors[code].meaning };
}

/** A key is cut short, because it may be as long as the text and the path goes into answers and logs. */
function pathStep(step: string | number): string {
  if (typeof step === 'number') return `[${step}]`;
  if (/^[\p{L}_$][\p{L}\p{N}_$-]{0,63}$/u.test(step)) return `.${step}`;
  return `[${JSON.stringify(step.length > 64 ? `${step.slice(0, 64)}…` : step)}]`;
}
