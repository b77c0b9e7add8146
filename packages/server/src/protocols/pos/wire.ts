// The messages of pos, as existing clients write and read them. An item of a batch is read by itself, so that a bad one is reported
// alone; everything around items is read as a whole.

import { type JsonObject, type Limits, RequestError, SpoiledItem } from '@holdfast/core';
import { z } from 'zod';

export const kinds = ['orders', 'transactions'] as const;
export type Kind = (typeof kinds)[number];

/** The field of an item that holds the record. */
export const parts = { orders: 'order', transactions: 'transaction' } as const;
export type Part = (typeof parts)[Kind];

/** Items of one batch, and records of one page. */
export const itemsMax = 1_000;

/** Far from where a double stops to count by ones: other protocols raise a version by one. */
export const versionMax = 2 ** 52;

/** One write, as read. */
export interface Item {
  kind: Kind;
  localId: string;
  version: number;
  /** The device that made the record. */
  creator: string;
  /** The record; null: it is deleted. */
  content: JsonObject | null;
}

export interface BadItem {
  localId: string;
  message: string;
}

type Lengths = Pick<Limits, 'idCharsMax'>;

/** What the URL brings may hold what no JSON text may. */
function text({ idCharsMax }: Lengths) {
  const isClean = (value: string): boolean => value.isWellFormed() && !value.includes('\0');
  return z.string().max(idCharsMax).refine(isClean, 'It holds a NUL or a lone surrogate.');
}

const noTime = 'It is a time in milliseconds.';
const stamp = z.union([z.int().min(0), z.string().regex(/^\d{1,20}$/)], noTime);

const content = z.looseObject({}).nullish();

function messages<DeviceId extends z.ZodType>(limits: Lengths, deviceId: DeviceId) {
  const fields = {
    localId: text(limits).min(1),
    syncStatus: z.unknown().optional(),
    // Clients that leave out what is a default leave these out.
    syncVersion: z.int().min(0).max(versionMax).nullish(),
    deviceId,
    deleted: z.boolean().nullish(),
  };
  return {
    orders: z.object({ order: content, ...fields }).refine(isWhole('order'), missing('order')),
    transactions: z
      .object({ transaction: content, ...fields })
      .refine(isWhole('transaction'), missing('transaction')),
  };
}

function isWhole(part: Part) {
  return (item: { deleted?: boolean | null | undefined } & Partial<Record<Part, unknown>>): boolean =>
    item.deleted === true || (item[part] ?? null) !== null;
}

function missing(part: Part): { path: string[]; message: string } {
  return { path: [part], message: 'It is missing.' };
}

/** Items of a batch. Their device is the one that made the record. */
export function itemMessages(limits: Lengths) {
  return messages(limits, text(limits).nullish());
}

/** An item that comes alone; its device is the one that sends it as well. */
export function singleMessages(limits: Lengths) {
  return messages(limits, text(limits).min(1));
}

export function batchMessage(limits: Lengths) {
  const { orders, transactions } = itemMessages(limits);
  return z.object({
    deviceId: text(limits).min(1),
    orders: z.array(readAlone(orders)).nullish(),
    transactions: z.array(readAlone(transactions)).nullish(),
    lastSyncTimestamp: stamp.nullish(),
  });
}

/** Anything here, for one that is wrong must not refuse the others; described as what it should be. */
function readAlone(item: z.ZodType): z.ZodUnknown {
  const { $schema: _, ...described } = z.toJSONSchema(item, { io: 'input' });
  return z.unknown().meta(described);
}

export function updatesMessage(limits: Lengths) {
  return z.object({
    deviceId: text(limits).min(1),
    since: z
      .string()
      .regex(/^\d{0,20}$/, noTime)
      .optional(),
  });
}

/** Throws RequestError for a batch with more items than one may have. */
export function checkCount({ orders, transactions }: z.infer<ReturnType<typeof batchMessage>>): void {
  if ((orders?.length ?? 0) + (transactions?.length ?? 0) <= itemsMax) return;
  const message = `A batch has at most ${itemsMax} orders and transactions together.`;
  throw new RequestError('too_large', { field: 'orders', message });
}

export type ItemReader = (kind: Kind, value: unknown, sender: string) => Item | BadItem;

export function itemReader(limits: Lengths): ItemReader {
  const messages = itemMessages(limits);
  return (kind, value, sender) => {
    if (value instanceof SpoiledItem) return { localId: shown(value.told('localId')), message: value.reason };
    const read = messages[kind].safeParse(value);
    if (!read.success) return badItem(value, read.error.issues[0]);
    return itemOf(kind, read.data, sender);
  };
}

export type GivenItem =
  | z.infer<ReturnType<typeof itemMessages>[Kind]>
  | z.infer<ReturnType<typeof singleMessages>[Kind]>;

export function itemOf(kind: Kind, given: GivenItem, sender: string): Item {
  const {
    localId,
    syncVersion,
    deviceId,
    deleted,
    [parts[kind]]: found,
  } = given as GivenItem & Partial<Record<Part, JsonObject | null>>;
  return {
    kind,
    localId,
    version: syncVersion ?? 1,
    creator: deviceId ? deviceId : sender,
    content: deleted === true ? null : (found ?? null),
  };
}

function badItem(value: unknown, issue: z.core.$ZodIssue | undefined): BadItem {
  const { localId } = (value ?? {}) as { localId?: unknown };
  const path = (issue?.path ?? []).map(String).join('.');
  const what = issue?.message ?? 'It cannot be read.';
  return { localId: shown(localId), message: path ? `${path}: ${what}` : what };
}

/** A number is told back as text; what is no id at all as none. */
function shown(localId: unknown): string {
  return typeof localId === 'string' || typeof localId === 'number' ? String(localId).slice(0, 200) : '';
}

/** A stamp as clients give it back: a number or its text. Beyond what a number holds it is beyond every stamp. */
export function stampOf(given: number | string | null | undefined): number {
  return Math.min(Number(given ?? 0), Number.MAX_SAFE_INTEGER);
}
