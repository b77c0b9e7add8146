// Makes mutations of writes that came without an id: one id for the same write, however often and in whatever company it comes.

import { admit } from './admit.ts';
import type { DeclaredBase } from './base-question.ts';
import { canonicalJson } from './canonical.ts';
import { hashedPart, type Mutation } from './change.ts';
import type { Judge } from './declared.ts';
import type { Json, JsonObject } from './json.ts';
import type { Limits } from './limits.ts';
import type { Arrived, DeclaredItem } from './plan-item.ts';
import type { Sha256 } from './ports.ts';
import type { DeclaredChange } from './ruled.ts';
import type { Schema } from './schema.ts';

/** A write as its client declares it. */
export interface DeclaredWrite {
  change: DeclaredChange;
  /** When the device says that it was made, in milliseconds since 1970. Absent: at its arrival. */
  madeAt?: number;
  /** The record's version that it says it makes. */
  version?: number;
  /** The client's own id of the message that it came in. */
  message?: string;
  /** What its writer had in sight, for a judge that goes by it. */
  base?: DeclaredBase;
  /** Values that it says it started from: counters are moved by the difference. */
  started?: JsonObject;
}

export interface DeclaredDoor {
  /** `<protocol>/<device>`. */
  writer: string;
  actor: string;
  judge: Judge;
  schema: Schema;
  limits: Limits;
  sha256: Sha256;
  /** Server time at which the request was read. */
  atMs: number;
  /** For a write by which nothing tells a repeat from a new one. */
  newId: () => string;
}

/**
 * The mutations that the writes of one request are. A time further ahead than the allowed drift counts as the arrival. Equal writes of one
 * request are told apart by their order.
 */
export function declaredMutations(
  writes: readonly DeclaredWrite[],
  door: DeclaredDoor,
): DeclaredItem['mutations'] {
  const counts = new Map<string, number>();
  return writes.map((write) => {
    const { change, version = 0, base, started } = write;
    const told = toldApart(write, door);
    const nth = told === undefined ? 0 : (counts.get(told) ?? 0);
    if (told !== undefined) counts.set(told, nth + 1);
    const id = told === undefined ? door.newId() : uuidOf(door.sha256(`${nth} ${told}`));
    const { atMs, limits } = door;
    const saidMs = write.madeAt ?? atMs;
    const mutation: Mutation = {
      id,
      schema: door.schema.version,
      ...(door.actor === '' ? {} : { actor: door.actor }),
      made: { wall: saidMs, mono: 0, session: door.writer, offset: 0, seen: 0 },
      changes: [change],
    };
    const problem = problemOf(mutation, door);
    const arrived: Arrived = {
      mutation,
      hash: door.sha256(canonicalJson(hashedPart(mutation))),
      madeAt: saidMs > atMs + limits.clockDriftMsMax ? atMs : saidMs,
      ...(problem ? { problem } : {}),
    };
    return { ...arrived, version, ...(base ? { base } : {}), ...(started ? { started } : {}) };
  });
}

/** A UUID of version 8 with the first bits of a hash in hex: nothing reads a time out of it. */
export function uuidOf(hex: string): string {
  const variant = ((Number.parseInt(hex[16] ?? '0', 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}

/** Undefined when the client declares nothing by which a repeat could be known. */
function toldApart(write: DeclaredWrite, door: DeclaredDoor): string | undefined {
  const { change, madeAt, version, message, base, started } = write;
  const counts = base !== undefined && (base === 'none' || 'edits' in base);
  if (madeAt === undefined && version === undefined && message === undefined && !counts) return undefined;
  const { type, collection, id } = change;
  const content: Json = type === 'put' ? comparedPart(change.body, door.judge) : null;
  // How far its device has read is no part of what it wrote.
  const seen = base === 'none' ? [base] : base && 'edits' in base ? [base.edits] : [];
  return canonicalJson([
    ...[door.writer, collection, id, version ?? null, madeAt ?? null, message ?? null, content],
    ...[...seen, ...(started ? [started] : [])],
  ]);
}

function comparedPart(body: JsonObject, { ignored }: Judge): JsonObject {
  return Object.fromEntries(Object.entries(body).filter(([field]) => !ignored.has(field)));
}

/** A put of some fields is admitted as a patch: whether the record then fits is judged when it is known. */
function problemOf(mutation: Mutation, { judge, schema, limits }: DeclaredDoor): Arrived['problem'] {
  const [change] = mutation.changes;
  const isPart =
    (judge.by === 'base' || (judge.by === 'time' && judge.put === 'fields')) && change?.type === 'put';
  if (!isPart) return admit(mutation, schema, limits).problem;
  const { collection, id, body } = change;
  const patch = { type: 'patch' as const, collection, id, set: body };
  return admit({ ...mutation, changes: [patch] }, schema, limits).problem;
}
