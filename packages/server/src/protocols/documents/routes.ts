// The HTTP of `documents`: what a client uses while its socket is down, and the operator's counts.

import { type Declared, type DeclaredWrite, RequestError, SpoiledItem } from '@holdfast/core';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../../engine/engine.ts';
import type { MountDeps, ZodRoutes } from '../mount.ts';
import type { Shared } from './presence.ts';
import { readScope } from './read-scope.ts';
import { isRefusal, speakingFor } from './speaking-for.ts';
import {
  collectionsText,
  firstPlaces,
  judge,
  outcomeOf,
  recordText,
  scopeOf,
  writeOf,
  writerOf,
} from './translate.ts';
import {
  changeMessage,
  type DocumentsOptions,
  describedBody,
  type Fault,
  headerText,
  messageIdOf,
  readMessage,
  type Sender,
  syncBody,
  syncHeaders,
  syncParams,
  syncQuery,
  unauthenticated,
} from './wire.ts';

export function documentRoutes(deps: MountDeps<DocumentsOptions>, shared: Shared): FastifyPluginAsync {
  const { engine, clock } = deps;
  const reading = { engine, nowMs: () => clock.wallMs(), names: shared.names, room: shared.room };
  return async (plain) => {
    const app = plain.withTypeProvider<ZodRoutes>();
    app.get(
      '/api/sync/:userId',
      {
        schema: { params: syncParams, headers: syncHeaders, querystring: syncQuery },
        config: { describes: { summary: 'All documents of a user, or what changed since.' } },
      },
      async (request, reply) => {
        const { caller, scope } = whoAsks(deps, request);
        const since = sinceOf(request.query.since);
        const text = await readScope(reading, { caller, scope, since }, ({ live, deleted, stamp }) => {
          const more = since === null ? '' : `,"deleted":${collectionsText(deleted)}`;
          return `{"success":true,"data":${collectionsText(live)}${more},"timestamp":${stamp}}`;
        });
        return sendJson(reply, text);
      },
    );
    app.post(
      '/api/sync/:userId',
      {
        schema: { params: syncParams, headers: syncHeaders, body: syncBody },
        config: {
          items: [['changes', '*']],
          describes: { summary: 'What a device changed while its socket was down.', body: describedBody },
        },
      },
      async (request, reply) => {
        const who = whoAsks(deps, request);
        return sendJson(reply, await push(deps, shared, { ...who, changes: request.body.changes }));
      },
    );
    app.get(
      '/health',
      { config: { open: true, describes: { summary: 'Counts of the whole server.' } } },
      healthOf(deps, shared),
    );
  };
}

interface Asking {
  sender: Sender;
  scope: string;
  caller: Caller;
}

function whoAsks(
  deps: MountDeps,
  request: FastifyRequest & { params: { userId: string }; headers: { 'device-id': string } },
): Asking {
  const { userId } = request.params;
  const deviceId = headerText(request.headers['device-id']);
  const scope = scopeOf(userId);
  deps.countDevice(`${scope} ${deviceId}`);
  const caller = speakingFor(provenCaller(deps, request, deviceId), userId);
  return { sender: { userId, deviceId }, scope, caller };
}

/** A credential of another device proves nothing here, as one of another user does not. */
function provenCaller(deps: MountDeps, request: FastifyRequest, deviceId: string): Caller {
  try {
    return deps.caller(request, deviceId);
  } catch (error) {
    throw isRefusal(error) ? unauthenticated() : error;
  }
}

/** Null: from the beginning, and without what is deleted. */
function sinceOf(text = ''): number | null {
  return text === '' ? null : Math.min(Number(text), Number.MAX_SAFE_INTEGER);
}

/** Takes what can be taken, and tells the rest one by one. */
async function push(
  deps: MountDeps,
  { names }: Shared,
  { sender, scope, caller, changes }: Asking & { changes: readonly unknown[] },
): Promise<string> {
  const faults: { index: number; fault: Fault }[] = [];
  const writes: { index: number; write: DeclaredWrite }[] = [];
  for (const [index, change] of changes.entries()) {
    const read = readMessage(changeMessage, change, { sender, mustName: false });
    const write = read.ok ? writeOf(names, read.message) : read.fault;
    if ('code' in write) faults.push({ index, fault: write });
    else writes.push({ index, write });
  }
  const answers = await pushAll(
    deps,
    { caller, scope, sender },
    writes.map(({ write }) => write),
  );
  const older: string[] = [];
  let applied = 0;
  for (const [place, { index }] of writes.entries()) {
    const answer = answers[place];
    if (!answer) throw new RequestError('internal');
    const outcome = outcomeOf(answer);
    if (outcome.type === 'refused') faults.push({ index, fault: outcome.fault });
    if (outcome.type === 'applied') applied += 1;
    const at = answer.record && names.wire(answer.record.collection);
    if (outcome.type === 'older' && answer.record && at) older.push(recordText(at, answer.record));
  }
  const errors = faults
    .sort((a, b) => a.index - b.index)
    .map(({ index, fault }) => ({ index, ...named(changes[index]), ...fault }));
  const stamps = answers.map(({ record }) => record?.stamp ?? 0);
  const timestamp = answers.length > 0 ? stamps.reduce((a, b) => Math.max(a, b)) : deps.clock.wallMs();
  return `{"success":true,"applied":${applied},"errors":${JSON.stringify(errors)},"updates":[${older.join(',')}],"timestamp":${timestamp}}`;
}

/** An answer for each write. So many go in one commit; a repeat of the whole request finds those that were taken. */
async function pushAll(
  { engine, limits }: MountDeps,
  { caller, scope, sender }: Asking,
  writes: readonly DeclaredWrite[],
): Promise<readonly Declared[]> {
  const first = firstPlaces(writes);
  const once = writes.filter((_, place) => first[place] === place);
  const answers: Declared[] = [];
  for (let at = 0; at < once.length; at += limits.batchMutationsMax) {
    const some = once.slice(at, at + limits.batchMutationsMax);
    const request = { writer: writerOf(sender.deviceId), judge, writes: some };
    answers.push(...(await engine.pushDeclared(caller, scope, request)));
  }
  const places = new Map(
    writes.flatMap((_, place) => (first[place] === place ? [place] : [])).map((p, n) => [p, n]),
  );
  return first.flatMap((place) => answers[places.get(place) ?? -1] ?? []);
}

/** By what its sender finds a change again, as far as it can be read. */
function named(change: unknown): Record<string, unknown> {
  if (change instanceof SpoiledItem) return named(tellable(change));
  const { data } = (change ?? {}) as { data?: unknown };
  const { collection, documentId, document } = (data ?? {}) as Record<string, unknown>;
  const { id } = (document ?? {}) as { id?: unknown };
  const messageId = messageIdOf(change);
  return {
    ...(typeof collection === 'string' ? { collection: collection.slice(0, namedCharsMax) } : {}),
    ...text('id', documentId ?? id),
    ...(messageId === undefined ? {} : { messageId }),
  };
}

/** What a message that may not be kept says of itself. */
function tellable(change: SpoiledItem): unknown {
  const told = (...path: string[]) => change.told(...path);
  const [collection, documentId] = [told('data', 'collection'), told('data', 'documentId')];
  const data = { collection, documentId, document: { id: told('data', 'document', 'id') } };
  return { data, messageId: told('messageId') };
}

function text(name: string, value: unknown): Record<string, string> {
  return typeof value === 'string' ? { [name]: value.slice(0, namedCharsMax) } : {};
}

const namedCharsMax = 200;

/** Counts of the whole server, at most once a second. */
function healthOf({ engine, clock, health }: MountDeps, { names, presence }: Shared) {
  let counted: { atMs: number; documents: Promise<number> } | undefined;
  const count = async (): Promise<number> => {
    const { collections } = await engine.inspect.counts();
    const seen = collections.filter(({ collection }) => names.wire(collection));
    return seen.reduce((sum, { records }) => sum + records, 0);
  };
  return async (): Promise<object> => {
    if (health === 'minimal') return { status: 'ok' };
    const nowMs = clock.monoMs();
    if (!counted || nowMs - counted.atMs >= countEveryMs) counted = { atMs: nowMs, documents: count() };
    const { connections, users } = presence;
    return { status: 'ok', connections, users, documents: await counted.documents };
  };
}

const countEveryMs = 1_000;

function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply.header('content-type', 'application/json; charset=utf-8').send(text);
}
