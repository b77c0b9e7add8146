// The endpoints of terminal: what came is read, the engine decides, its words are answered. README.md is the contract.

import { RequestError } from '@holdfast/core';
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { ZodType } from 'zod';
import { rightIn } from '../../engine/access.ts';
import type { Caller } from '../../engine/engine.ts';
import type { MountDeps, ZodRoutes } from '../mount.ts';
import { timeText } from '../time.ts';
import {
  allAnswer,
  allStatusAnswer,
  errorAnswer,
  heartbeatAnswer,
  pullAnswer,
  pushAnswer,
  resolveAnswer,
  statusAnswer,
} from './answers.ts';
import type { Entities } from './entities.ts';
import type { TerminalOptions } from './options.ts';
import { pull } from './pull.ts';
import { push } from './push.ts';
import { resolveConflict } from './resolve.ts';
import { statusOfAll, statusOfOne } from './status.ts';
import type { Outbox, Terminals } from './terminals.ts';
import { protocolName } from './translate.ts';
import type { Triggers } from './triggers.ts';
import {
  allMessage,
  changeReader,
  changesMax,
  heartbeatMessage,
  pullMessage,
  pushMessage,
  resolveMessage,
  statusMessage,
} from './wire.ts';

export interface RouteDeps extends MountDeps<TerminalOptions> {
  entities: Entities;
  terminals: Terminals;
  triggers: Triggers;
}

export function terminalRoutes(deps: RouteDeps): FastifyPluginAsync {
  return async (plain) => {
    syncRoutes(plain, deps);
    terminalsRoutes(plain, deps);
  };
}

function syncRoutes(plain: FastifyInstance, deps: RouteDeps): void {
  const { limits, clock, terminals } = deps;
  const app = plain.withTypeProvider<ZodRoutes>();
  const read = changeReader(limits);
  app.post(
    '/api/sync/push',
    {
      config: { items: [['changes', '*']] },
      schema: { ...says('Send changes', pushAnswer), body: pushMessage(limits) },
    },
    async (request) => {
      const { terminalId, changes } = request.body;
      const caller = callerFor(deps, request, terminalId);
      if (changes.length > changesMax) {
        const message = `changes: A push has at most ${changesMax} changes.`;
        throw new RequestError('too_large', { field: 'changes', message });
      }
      const results = await push(deps, caller, changes.map(read));
      const count = (status: string): number => results.filter((result) => result.status === status).length;
      const counts = {
        synced: count('SYNCED'),
        conflicts: count('CONFLICT'),
        failed: count('FAILED'),
      };
      terminals.hear(terminalId);
      note(deps, 'push', { device: terminalId, facts: counts });
      return { success: true, results, ...counts, timestamp: timeText(clock.wallMs()) };
    },
  );
  app.get(
    '/api/sync/pull',
    { schema: { ...says('Read what changed since a time', pullAnswer), querystring: pullMessage(limits) } },
    async (request) => {
      const { terminalId, ...asked } = request.query;
      const answer = await pull(deps, callerFor(deps, request, terminalId), asked);
      terminals.hear(terminalId);
      note(deps, 'pull', { device: terminalId, facts: { records: answer.changes.length } });
      return { success: true, ...answer };
    },
  );
  app.post(
    '/api/sync/resolve',
    { schema: { ...says('Settle a conflict by a person’s word', resolveAnswer), body: resolveMessage } },
    async (request) => {
      await checkRight(deps, request, 'write');
      return resolveConflict(deps, deps.caller(request), request.body);
    },
  );
}

function terminalsRoutes(plain: FastifyInstance, deps: RouteDeps): void {
  const { limits, clock, terminals, triggers } = deps;
  const app = plain.withTypeProvider<ZodRoutes>();
  app.post(
    '/api/sync/heartbeat',
    { schema: { ...says('Say how a terminal is', heartbeatAnswer), body: heartbeatMessage(limits) } },
    async (request) => {
      const { terminalId, status, outbox } = request.body;
      callerFor(deps, request, terminalId);
      await checkRight(deps, request, 'read', terminalId);
      terminals.beat(terminalId, { status, outbox: outboxOf(outbox ?? {}) });
      return { success: true, terminalId, status, serverTime: timeText(clock.wallMs()) };
    },
  );
  app.post(
    '/api/sync/all',
    { schema: { ...says('Tell one terminal, or all, to sync', allAnswer), body: allMessage(limits) } },
    async (request) => {
      await checkRight(deps, request, 'write');
      const { terminalId, allTerminals } = request.body;
      const asked =
        allTerminals === true
          ? (await terminals.all()).map((terminal) => terminal.terminalId)
          : [terminalId ?? ''];
      const told = Map.groupBy(asked, (id) => triggers.tell(id, { type: 'FULL', reason: 'API' }));
      const unreachable = told.get(false) ?? [];
      // It was promised to them for when they come.
      if (unreachable.length > 0) await terminals.written();
      const timestamp = timeText(clock.wallMs());
      return { success: true, triggered: told.get(true) ?? [], unreachable, timestamp };
    },
  );
  app.get(
    '/api/sync/status',
    {
      schema: {
        ...says('How far a terminal is, or all', statusAnswer.or(allStatusAnswer)),
        querystring: statusMessage(limits),
      },
    },
    async (request) => {
      await checkRight(deps, request, 'read');
      const { terminalId } = request.query;
      return terminalId === undefined ? statusOfAll(deps) : statusOfOne(deps, terminalId);
    },
  );
}

/** What a route is for, and what it answers. */
function says(summary: string, answer: ZodType) {
  return { summary, response: { 200: answer, '4xx': errorAnswer } };
}

function callerFor(deps: RouteDeps, request: FastifyRequest, terminalId: string): Caller {
  const caller = deps.caller(request, terminalId);
  deps.countDevice(terminalId);
  return caller;
}

/** Throws RequestError for who has no such right to the scope. */
async function checkRight(
  { engine, scope, caller }: RouteDeps,
  request: FastifyRequest,
  needed: 'read' | 'write',
  terminalId?: string,
): Promise<void> {
  const [standing] = await engine.standings([caller(request, terminalId)]);
  if (standing instanceof RequestError) throw standing;
  const right = standing ? rightIn(standing.grants, scope) : 'none';
  if (right === 'none' || (needed === 'write' && right !== 'write'))
    throw new RequestError('forbidden', { field: 'scope' });
}

function outboxOf(
  given: Readonly<
    Record<string, { pending?: number | null | undefined; failed?: number | null | undefined }>
  >,
): Outbox {
  const types = Object.entries(given).map(
    ([type, { pending, failed }]) => [type, { pending: pending ?? 0, failed: failed ?? 0 }] as const,
  );
  return Object.fromEntries(types);
}

function note(
  { engine, scope }: RouteDeps,
  kind: string,
  { device, facts }: { device: string; facts: Record<string, number> },
): void {
  engine.syncs.note({ protocol: protocolName, device, scope, kind, ok: true, facts });
}
