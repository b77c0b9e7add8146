// A conflict as a person compares it: field by field what the writer saw, what the device wants, what the server had, and what the
// record is now. Pure.

import type { Json, JsonObject, RecordChange } from '@holdfast/core';
import { printable, table } from '../terminal.ts';

export interface ComparedField {
  field: string;
  /** The sides disagree about it. */
  disputed: boolean;
  /** As JSON; '' where nothing is known or meant. */
  base: string;
  device: string;
  server: string;
  now: string;
}

export interface Compared {
  fields: readonly string[];
  base: JsonObject;
  changes: readonly RecordChange[];
  /** Null: deleted. */
  server: JsonObject | null;
  now: JsonObject | null;
}

/** The fields in dispute first, then what else the device's changes name, each in the order of their names. */
export function compareSides({ fields, base, changes, server, now }: Compared): ComparedField[] {
  const disputed = new Set(fields);
  const named = new Set([...Object.keys(base), ...changes.flatMap(namedIn)]);
  const others = [...named].filter((field) => !disputed.has(field)).sort();
  return [...[...disputed].sort(), ...others].map((field) => ({
    field,
    disputed: disputed.has(field),
    base: Object.hasOwn(base, field) ? valueText(base, field) : '',
    device: changes.reduce((text, change) => changedText(text, change, field), ''),
    server: valueText(server, field),
    now: valueText(now, field),
  }));
}

/** `moved`: the record is not as it was any more. Without room for columns, the sides stand one below the other. */
export function sidesText(
  compared: readonly ComparedField[],
  { columns, moved }: { columns: number | undefined; moved: boolean },
): string {
  const sides = (row: ComparedField): [string, string][] => [
    ['base', row.base],
    ['device', row.device],
    ['server', row.server],
    ...(moved ? [['now', row.now] as [string, string]] : []),
  ];
  const head = ['', 'FIELD', 'BASE', 'DEVICE', 'SERVER', ...(moved ? ['NOW'] : [])];
  const rows = compared.map((row) => [
    row.disputed ? '*' : '',
    row.field,
    ...sides(row).map(([, text]) => text),
  ]);
  const wide = table(head, rows);
  const width = Math.max(...wide.split('\n').map((line) => line.length));
  if (width <= (columns ?? columnsDefault)) return wide;
  const stacked = compared.map((row) =>
    [
      `${row.disputed ? '*' : ' '} ${printable(row.field)}`,
      ...sides(row).map(([name, text]) => `    ${name.padEnd(6)}  ${printable(text)}`.trimEnd()),
    ].join('\n'),
  );
  return stacked.join('\n');
}

const columnsDefault = 120;
/** Of one value: what is longer is to be looked at as JSON. */
const charsMax = 1_000;

function namedIn(change: RecordChange): string[] {
  switch (change.type) {
    case 'put':
      return Object.keys(change.replaced ?? change.body);
    case 'patch':
      return [...Object.keys(change.set ?? {}), ...(change.unset ?? [])];
    case 'add':
      return Object.keys(change.amounts);
    case 'delete':
      return [];
  }
}

/** What the device wants of a field, after one change more. */
function changedText(before: string, change: RecordChange, field: string): string {
  switch (change.type) {
    case 'delete':
      return deleted;
    case 'put':
      if (Object.hasOwn(change.body, field)) return valueText(change.body, field);
      return change.replaced && !Object.hasOwn(change.replaced, field) ? before : absent;
    case 'patch':
      if (Object.hasOwn(change.set ?? {}, field)) return valueText(change.set ?? {}, field);
      return change.unset?.includes(field) ? absent : before;
    case 'add': {
      const amount = Object.hasOwn(change.amounts, field) ? (change.amounts[field] ?? 0) : undefined;
      if (amount === undefined) return before;
      return `${before} ${amount < 0 ? '' : '+'}${amount}`.trim();
    }
  }
}

const deleted = '(deleted)';
const absent = '–';

function valueText(body: JsonObject | null, field: string): string {
  if (body === null) return deleted;
  if (!Object.hasOwn(body, field)) return absent;
  const text = JSON.stringify(body[field] as Json);
  return text.length > charsMax ? `${text.slice(0, charsMax)}… (${text.length} characters)` : text;
}
