// The messages of terminal, as existing clients write them. A change of a push is read by itself, so that a bad one is reported alone;
// everything around it is read as a whole.

import { type JsonObject, type Limits, SpoiledItem } from '@holdfast/core';
import { z } from 'zod';
import { readTimeMs } from '../time.ts';

export const operations = ['CREATE', 'UPDATE', 'DELETE'] as const;
export type Operation = (typeof operations)[number];

export const strategies = ['TERMINAL_WINS', 'CENTRAL_WINS', 'MANUAL_MERGE'] as const;
export type Strategy = (typeof strategies)[number];

/** Changes of one push. */
export const changesMax = 1_000;
/** Records of one page. */
export const pageRecordsMax = 1_000;
export const pageRecordsDefault = 500;
/** Entity types that one heartbeat tells of. */
const outboxTypesMax = 200;
const statusCharsMax = 40;

/** Whatever may name an entity type. */
export const entityTypePattern = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

type Lengths = Pick<Limits, 'idCharsMax'>;

const isClean = (value: string): boolean => value.isWellFormed() && !value.includes('\0');

/** What the URL brings may hold what no JSON text may. */
function text(charsMax: number) {
  return z.string().max(charsMax).refine(isClean, 'It holds a NUL or a lone surrogate.');
}

function terminal({ idCharsMax }: Lengths) {
  return text(idCharsMax).min(1);
}

const entityType = z.string().regex(entityTypePattern, 'It is a letter, then up to 63 letters, digits or _.');

function changeMessage({ idCharsMax }: Lengths) {
  return z
    .object({
      entityType,
      entityId: text(idCharsMax).min(1),
      operation: z.enum(operations),
      data: z.looseObject({}).nullish(),
      syncVersion: z.int().min(0).nullish(),
    })
    .refine(({ operation, data }) => operation === 'DELETE' || (data ?? null) !== null, {
      path: ['data'],
      message: 'It is missing.',
    });
}

export function pushMessage(limits: Lengths) {
  const { $schema: _, ...described } = z.toJSONSchema(changeMessage(limits), { io: 'input' });
  return z.object({
    terminalId: terminal(limits),
    // Anything here, for one that is wrong must not refuse the others; described as what it should be.
    changes: z.array(z.unknown().meta(described)),
  });
}

export function pullMessage(limits: Lengths) {
  return z.object({
    terminalId: terminal(limits),
    entityType: entityType.optional(),
    lastSync: z
      .string()
      .refine((given) => given === '' || readTimeMs(given) !== undefined, 'A time is ISO 8601.')
      .optional(),
    limit: z
      .string()
      .regex(/^0*[1-9]\d{0,8}$/, `It is a whole number from 1 to ${pageRecordsMax}.`)
      .optional(),
  });
}

export const resolveMessage = z.object({
  conflictId: z.union([z.string(), z.int()]),
  resolution: z.enum(strategies),
  resolvedData: z.looseObject({}).nullish(),
});

const count = z.int().min(0);

const outbox = z
  .record(entityType, z.object({ pending: count.nullish(), failed: count.nullish() }))
  .refine(
    (types) => Object.keys(types).length <= outboxTypesMax,
    `It names at most ${outboxTypesMax} types.`,
  );

export function heartbeatMessage(limits: Lengths) {
  return z.object({
    terminalId: terminal(limits),
    status: text(statusCharsMax).min(1),
    outbox: outbox.nullish(),
  });
}

export function allMessage(limits: Lengths) {
  return z
    .object({ terminalId: terminal(limits).nullish(), allTerminals: z.boolean().nullish() })
    .refine(({ terminalId, allTerminals }) => allTerminals === true || (terminalId ?? null) !== null, {
      path: ['terminalId'],
      message: 'Name a terminal, or all with allTerminals: true.',
    });
}

export function statusMessage(limits: Lengths) {
  return z.object({ terminalId: terminal(limits).optional() });
}

/** What a socket says. */
export function registerMessage(limits: Lengths) {
  return z.object({ terminalId: terminal(limits) });
}

export function ackMessage(limits: Lengths) {
  return z.object({ terminalId: terminal(limits), type: z.string().max(statusCharsMax).nullish() });
}

/** One change of a push, as read. */
export interface GivenChange {
  entityType: string;
  entityId: string;
  operation: Operation;
  /** Null for a DELETE. */
  data: JsonObject | null;
  /** The version that it was made on. */
  syncVersion: number;
  /** When it says that it was made; undefined: at its arrival. */
  madeAt: number | undefined;
}

export interface BadChange {
  entityType: string;
  entityId: string;
  syncVersion: number;
  error: string;
}

export type ChangeReader = (value: unknown) => GivenChange | BadChange;

export function changeReader(limits: Lengths): ChangeReader {
  const message = changeMessage(limits);
  return (value) => {
    if (value instanceof SpoiledItem) return spoiledChange(value, limits);
    const read = message.safeParse(value);
    if (!read.success) return badChange(value, read.error.issues[0], limits);
    const { data, syncVersion, ...rest } = read.data;
    const given = (data ?? null) as JsonObject | null;
    return {
      ...rest,
      data: rest.operation === 'DELETE' ? null : given,
      syncVersion: syncVersion ?? 1,
      madeAt: madeAtIn(given),
    };
  };
}

/** A time that cannot be read is none. */
function madeAtIn(data: JsonObject | null): number | undefined {
  const { updatedAt } = data ?? {};
  if (typeof updatedAt === 'string') return readTimeMs(updatedAt);
  return typeof updatedAt === 'number' && Number.isSafeInteger(updatedAt) ? updatedAt : undefined;
}

function badChange(value: unknown, issue: z.core.$ZodIssue | undefined, { idCharsMax }: Lengths): BadChange {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const path = (issue?.path ?? []).map(String).join('.');
  const what = issue?.message ?? 'It cannot be read.';
  const error = path === '' ? what : `${path}: ${what}`;
  return refusedChange((field) => given[field], { error, idCharsMax });
}

/** One that no store could hold exactly. */
function spoiledChange(item: SpoiledItem, { idCharsMax }: Lengths): BadChange {
  return refusedChange((field) => item.told(field), { error: item.reason, idCharsMax });
}

/** By what its sender finds it again, as far as that can be read. */
function refusedChange(
  told: (field: string) => unknown,
  { error, idCharsMax }: { error: string; idCharsMax: number },
): BadChange {
  const named = (field: string): string => {
    const value = told(field);
    return typeof value === 'string' ? value.slice(0, idCharsMax) : '';
  };
  const syncVersion = told('syncVersion');
  return {
    entityType: named('entityType'),
    entityId: named('entityId'),
    syncVersion: typeof syncVersion === 'number' ? syncVersion : 1,
    error,
  };
}
