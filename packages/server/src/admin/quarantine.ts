// What the operator sees of the server's quarantine, and how it is settled: sent again with other changes or the same, or dropped
// with a reason. The device keeps its own entry: what is done here, its person is to be told.

import {
  admit,
  type Change,
  canonicalJson,
  changeMessage,
  hashedPart,
  type Limits,
  type Mutation,
  type Random,
  RequestError,
  type Schema,
  type Sha256,
  type VerdictEntry,
} from '@holdfast/core';
import { z } from 'zod';
import { type Engine, operator } from '../engine/engine.ts';
import { newMutationId } from '../engine/mutation-id.ts';
import type { QuarantineRow, Store } from '../store/port.ts';
import type { AdminInput, QuarantineFacts } from './admin.ts';
import { readInParts } from './in-parts.ts';

export interface QuarantineDeps {
  store: Pick<Store, 'read' | 'commit'>;
  engine: Pick<Engine, 'inspect' | 'push'>;
  schema: Schema;
  limits: Limits;
  random: Random;
  sha256: Sha256;
  nowMs: () => number;
}

/** Without contents: those may be large, and are looked at one by one. */
export async function listQuarantine(
  { engine }: QuarantineDeps,
  query: AdminInput<'quarantine'>,
): Promise<{ items: QuarantineFacts[] }> {
  const items = await readInParts(query, {
    read: (part) => engine.inspect.quarantine({ ...query, ...part }),
    placeOf: ({ place }) => place,
    show: ({ payload, ...facts }) => ({ ...facts, kept: payload !== null }),
  });
  return { items };
}

/** Throws RequestError `not_found`. */
export async function findQuarantined(
  { engine }: Pick<QuarantineDeps, 'engine'>,
  place: number,
): Promise<QuarantineRow> {
  const [found] = await engine.inspect.quarantine({ after: place - 1, max: 1 });
  if (found?.place === place) return found;
  throw new RequestError('not_found', { message: `Nothing lies at ${place} in the quarantine.` });
}

/** Throws RequestError `not_found`. */
export async function discardQuarantined(
  deps: QuarantineDeps,
  { place, reason }: AdminInput<'discard'>,
): Promise<Record<string, never>> {
  const row = await findQuarantined(deps, place);
  const audit = { ...auditOf(deps, row, 'quarantine.discard'), subject: `${nameOf(row)}: ${reason}` };
  if (await deps.store.commit((transaction) => transaction.settleQuarantined(place, audit))) return {};
  throw new RequestError('not_found', { message: `Nothing lies at ${place} in the quarantine.` });
}

/**
 * Sends the changes as the operator's, on the records as they stand, under a new id. A rejected verdict leaves the item where it
 * is; every other settles it in the same commit. Throws RequestError when nothing could be sent.
 */
export async function resendQuarantined(
  deps: QuarantineDeps,
  input: AdminInput<'resend'>,
): Promise<{ verdict: VerdictEntry }> {
  const row = await findQuarantined(deps, input.place);
  const scope = row.scope === '' ? input.scope : row.scope;
  if (scope === undefined)
    throw new RequestError('malformed', {
      field: 'scope',
      message: 'It came without a right; name its scope.',
    });
  const mutation = await mutationOf(deps, scope, readPayload(deps, row, input.changes));
  const { problem } = admit(mutation, deps.schema, deps.limits);
  if (problem) throw new RequestError('malformed', { ...problem });
  const { verdicts } = await deps.engine.push(operator, scope, {
    replica: 'holdfast:operator',
    former: [],
    // Nobody reads this log, so nothing of it has to be kept.
    verdictsSeen: Number.MAX_SAFE_INTEGER,
    checkpoint: null,
    mutations: [{ mutation, hash: deps.sha256(canonicalJson(hashedPart(mutation))), madeAt: deps.nowMs() }],
    settles: {
      place: row.place,
      audit: { ...auditOf(deps, row, 'quarantine.resend'), subject: `${nameOf(row)} as ${mutation.id}` },
    },
  });
  const [verdict] = verdicts;
  if (!verdict) throw new Error('A push brought no verdict.');
  return { verdict };
}

interface Sending {
  changes: readonly Change[];
  schema: number;
}

const changesShape = z.array(changeMessage).min(1);
const payloadShape = z.object({ schema: z.number(), changes: changesShape });

/** What is given in place of it is written by the newest schema. */
function readPayload({ schema }: QuarantineDeps, row: QuarantineRow, given: unknown): Sending {
  if (given === undefined && row.payload === null)
    throw new RequestError('malformed', {
      field: 'changes',
      message: 'Its content was not kept; give the changes.',
    });
  const read = payloadShape.safeParse(
    given === undefined ? row.payload : { schema: schema.version, changes: given },
  );
  if (!read.success) {
    const [issue] = read.error.issues;
    const path = (issue?.path ?? []).map((part) =>
      typeof part === 'number' ? `[${part}]` : `.${String(part)}`,
    );
    throw new RequestError('malformed', {
      field: path.join('').replace(/^\./, ''),
      message: issue?.message ?? 'These are no changes.',
    });
  }
  if (read.data.changes.some(({ type }) => type === 'resolve'))
    throw new RequestError('malformed', {
      field: 'changes',
      message: 'It answers a conflict; answer that again instead: holdfast conflicts.',
    });
  const known = schema.versions.has(read.data.schema) ? read.data.schema : schema.version;
  return { schema: known, changes: read.data.changes };
}

/** Made in sight of the records as they stand: the operator has looked. */
async function mutationOf(deps: QuarantineDeps, scope: string, sending: Sending): Promise<Mutation> {
  const nowMs = deps.nowMs();
  const keys = sending.changes.map(({ collection, id }) => ({ collection, id }));
  const records = await deps.store.read((snapshot) => snapshot.records(scope, keys));
  const versions = new Map(records.map(({ collection, id, seq }) => [`${collection}/${id}`, seq]));
  const changes = sending.changes.map(({ base: _, ...change }): Change => {
    const version = versions.get(`${change.collection}/${change.id}`);
    return { ...change, ...(version === undefined ? {} : { base: version }) } as Change;
  });
  return {
    id: newMutationId(deps.random),
    schema: sending.schema,
    actor: operator.actor,
    made: { wall: nowMs, mono: 0, session: 'holdfast:operator', offset: 0, seen: nowMs },
    changes,
  };
}

function auditOf({ nowMs }: QuarantineDeps, row: QuarantineRow, action: string) {
  return { at: nowMs(), actor: operator.actor, action, subject: nameOf(row) };
}

function nameOf({ place, device, mutation }: QuarantineRow): string {
  return `${place} of ${device === '' ? 'the server' : device} (${mutation})`;
}
