// Reads a text, such as a cell of a table, as the value that a field's type asks for, and writes the text that is read as a value.
//
// Most values are their plain text. Where that would be read as something else (an empty text, null, the text 5 where a number may
// stand), the cell says exactly what it holds: `json:""`, `json:null`, `json:"5"`; `json:absent` is a field that is not there.

import { type Collection, equalJson, type Json, parseDecimal, parseJson } from '@holdfast/core';

export type CellReading =
  | { type: 'value'; value: Json }
  /** The record does not have this field. */
  | { type: 'absent' }
  | { type: 'problem'; message: string };

/** Reads a text as a value of `field`; a field that the schema does not know takes the text as it is. */
export function readCell(collection: Collection, field: string, text: string): CellReading {
  if (text.startsWith(exactMark)) {
    const exact = readExact(text);
    if (exact) return exact;
  }
  const type = Object.hasOwn(collection.fields.shape, field) ? collection.fields.shape[field] : undefined;
  const accepts = acceptedBy(type);
  if (text === '') return readEmpty(accepts);
  const values = valuesOf(text, accepts);
  const fits = (value: Json): boolean =>
    (type as { safeParse(value: unknown): { success: boolean } } | undefined)?.safeParse(value).success ??
    true;
  const [first] = values;
  if (first === undefined) return { type: 'problem', message: `${quoted(text)} is ${expected(accepts)}` };
  // When none fits, the schema says why of the likeliest.
  return { type: 'value', value: values.find(fits) ?? first };
}

/** The text that `readCell` reads as this value; undefined: the record does not have the field. */
export function writeCell(collection: Collection, field: string, value: Json | undefined): string {
  const text = plainText(value);
  const reading = readCell(collection, field, text);
  const isRead =
    reading.type === 'value'
      ? value !== undefined && equalJson(reading.value, value)
      : reading.type === 'absent' && value === undefined;
  return isRead ? text : `${exactMark}${value === undefined ? absentWord : JSON.stringify(value)}`;
}

/** The same for an id, which is read without the spaces around it. */
export function writeIdCell(id: string): string {
  return id.trim() !== id || id.startsWith(exactMark) ? `${exactMark}${JSON.stringify(id)}` : id;
}

/** The id that a cell holds. */
export function readIdCell(text: string): string {
  const exact = readExact(text);
  return exact?.type === 'value' && typeof exact.value === 'string' ? exact.value : text.trim();
}

function plainText(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

const exactMark = 'json:';
const absentWord = 'absent';

/** Undefined: what follows the mark is no JSON, so it is a text like any other. */
function readExact(text: string): CellReading | undefined {
  const given = text.slice(exactMark.length);
  if (!text.startsWith(exactMark)) return undefined;
  if (given === absentWord) return { type: 'absent' };
  const result = parseJson(given, jsonBounds);
  return result.ok ? { type: 'value', value: result.value } : undefined;
}

interface Accepts {
  text: boolean;
  number: boolean;
  boolean: boolean;
  /** Arrays and objects. */
  json: boolean;
  nullable: boolean;
  optional: boolean;
  /** Values that are named one by one. */
  named: readonly Json[];
}

interface ZodDefinition {
  type: string;
  [part: string]: unknown;
}

const nothing: Accepts = {
  text: false,
  number: false,
  boolean: false,
  json: false,
  nullable: false,
  optional: false,
  named: [],
};

function acceptedBy(type: unknown, depth = 0): Accepts {
  const definition = (type as { _zod?: { def?: ZodDefinition } } | undefined)?._zod?.def;
  // A lazy type may lead to itself.
  if (!definition || depth > 20) return { ...nothing, text: true, optional: true };
  const inside = (part: string): Accepts => acceptedBy(definition[part], depth + 1);
  switch (definition.type) {
    case 'optional':
      return { ...inside('innerType'), optional: true };
    case 'nullable':
      return { ...inside('innerType'), nullable: true };
    case 'nonoptional':
      return { ...inside('innerType'), optional: false };
    case 'readonly':
      return inside('innerType');
    case 'lazy':
      return acceptedBy((definition.getter as () => unknown)(), depth + 1);
    case 'union':
      return (definition.options as readonly unknown[])
        .map((option) => acceptedBy(option, depth + 1))
        .reduce(either, nothing);
    case 'intersection':
      return either(inside('left'), inside('right'));
    case 'number':
    case 'int':
      return { ...nothing, number: true };
    case 'boolean':
      return { ...nothing, boolean: true };
    case 'null':
      return { ...nothing, nullable: true };
    case 'literal': {
      const values = definition.values as readonly Json[];
      return { ...nothing, named: values, nullable: values.includes(null) };
    }
    case 'enum':
      return { ...nothing, named: Object.values(definition.entries as Record<string, Json>) };
    case 'array':
    case 'tuple':
    case 'object':
    case 'record':
      return { ...nothing, json: true };
    case 'any':
    case 'unknown':
      return { ...nothing, text: true, optional: true };
    default:
      return { ...nothing, text: true };
  }
}

function either(a: Accepts, b: Accepts): Accepts {
  return {
    text: a.text || b.text,
    number: a.number || b.number,
    boolean: a.boolean || b.boolean,
    json: a.json || b.json,
    nullable: a.nullable || b.nullable,
    optional: a.optional || b.optional,
    named: [...a.named, ...b.named],
  };
}

/** An empty cell is no value where that is allowed, also for a text: tables cannot tell the two apart. */
function readEmpty(accepts: Accepts): CellReading {
  if (accepts.optional) return { type: 'absent' };
  if (accepts.nullable) return { type: 'value', value: null };
  if (accepts.text || accepts.named.includes('')) return { type: 'value', value: '' };
  return { type: 'problem', message: 'the cell is empty, and the field is required' };
}

const numberShape = /^[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,4})?$/;
const numberCharsMax = 40;

/** What the text may mean, the likeliest first. */
function valuesOf(text: string, accepts: Accepts): Json[] {
  const plain = text.trim();
  const values: Json[] = accepts.named.filter((value) => value !== null && String(value) === plain);
  if (accepts.boolean) values.push(...readBoolean(plain));
  const number = accepts.number ? readNumber(plain) : undefined;
  // `007` and `1e3` are rather texts, where a text may stand.
  if (number !== undefined && (!accepts.text || String(number) === plain)) values.push(number);
  if (accepts.json) values.push(...readJson(plain));
  if (accepts.text) values.push(text);
  return values;
}

function readBoolean(text: string): boolean[] {
  const word = text.toLowerCase();
  if (['true', 'yes', '1'].includes(word)) return [true];
  return ['false', 'no', '0'].includes(word) ? [false] : [];
}

function readNumber(text: string): number | undefined {
  if (text.length > numberCharsMax || !numberShape.test(text)) return undefined;
  return parseDecimal(text.replace('+', '').replace(/^(-?)0+(?=\d)/, '$1'));
}

function readJson(text: string): Json[] {
  if (!/^[[{]/.test(text)) return [];
  const result = parseJson(text, jsonBounds);
  return result.ok ? [result.value] : [];
}

function expected(accepts: Accepts): string {
  if (accepts.named.length > 0) return `none of ${accepts.named.slice(0, 12).map(String).join(', ')}`;
  if (accepts.number) return 'no number that can be held exactly, such as 1234.5';
  if (accepts.boolean) return 'neither true nor false';
  if (accepts.json) return 'no JSON array or object';
  return 'not what this field takes';
}

const jsonBounds = { depthMax: 64, keysMax: 10_000 };
const quotedCharsMax = 40;

function quoted(text: string): string {
  return JSON.stringify(text.length > quotedCharsMax ? `${text.slice(0, quotedCharsMax)}…` : text);
}
