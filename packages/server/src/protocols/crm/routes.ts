// crm over HTTP. README.md is the contract.

import type { FastifyInstance, FastifyPluginAsync, FastifyRequest, onErrorHookHandler } from 'fastify';
import type { ZodType } from 'zod';
import type { Caller } from '../../engine/engine.ts';
import type { MountDeps, ZodRoutes } from '../mount.ts';
import { createHistory, type History, nothing, type SyncCounts } from './history.ts';
import { checkReader } from './reader.ts';
import { resolveConflict } from './resolving.ts';
import { statusOf } from './status.ts';
import { full, pull, push } from './sync.ts';
import * as wire from './wire.ts';

type Deps = MountDeps<wire.CrmOptions>;

export function crmRoutes(deps: Deps): FastifyPluginAsync {
  return async (plain) => {
    loginRoute(plain, deps);
    const { scope, limits, engine } = deps;
    const history = createHistory(engine, { scope, idCharsMax: limits.idCharsMax });
    syncRoutes(plain, deps, history);
    statusRoute(plain, deps, history);
  };
}

/** What a route is for, and what it answers. */
function says(summary: string, answer: ZodType) {
  return { summary, response: { 200: answer, '4xx': wire.errorAnswer } };
}

function loginRoute(plain: FastifyInstance, { identity }: Deps): void {
  const app = plain.withTypeProvider<ZodRoutes>();
  const schema = {
    ...says('A token for a name and its password', wire.loginAnswer),
    body: wire.loginMessage,
  };
  app.post('/api/auth/login', { config: { open: true }, schema }, async (request) => {
    const { username: name, password } = request.body;
    const address = request.socket.remoteAddress ?? '';
    const { token, expiresIn, user } = await identity.login({ name, password, address });
    return { success: true, token, expiresIn, user };
  });
}

function syncRoutes(plain: FastifyInstance, deps: Deps, history: History): void {
  const app = plain.withTypeProvider<ZodRoutes>();
  const syncs = noting(deps, history);
  const pulls = { ...says('A page of what changed since a time', wire.pullAnswer), body: wire.pullMessage };
  app.post('/api/sync/pull', { schema: pulls, onError: syncs.failed('pull') }, (request) =>
    syncs.run('pull', request, request.body.deviceId, async (caller) => {
      const answer = await pull(deps, caller, request.body);
      return { answer, counts: { ...nothing, pulled: pulledIn(answer) } };
    }),
  );
  const pushes = {
    ...says('Takes records, and says of each that was not simply taken why', wire.pushAnswer),
    body: wire.pushMessage,
  };
  const config = { items: [['changes', '*', '*']] };
  app.post('/api/sync/push', { config, schema: pushes, onError: syncs.failed('push') }, (request) =>
    syncs.run('push', request, request.body.deviceId, async (caller) => {
      const answer = await push(deps, caller, request.body);
      return { answer, counts: pushedIn(answer) };
    }),
  );
  const both = {
    ...says('A push, then a page of what others changed', wire.fullAnswer),
    body: wire.fullMessage,
  };
  app.post('/api/sync/full', { config, schema: both, onError: syncs.failed('full') }, (request) =>
    syncs.run('full', request, request.body.deviceId, async (caller) => {
      const answer = await full(deps, caller, request.body);
      return { answer, counts: { ...pushedIn(answer.push), pulled: pulledIn(answer.pull) } };
    }),
  );
  const resolves = {
    ...says('Settles a conflict by a person’s word', wire.resolvedAnswer),
    body: wire.resolveMessage,
  };
  app.post('/api/sync/resolve-conflict', { schema: resolves, onError: syncs.failed('resolve') }, (request) =>
    syncs.run('resolve', request, request.body.deviceId, async (caller) => {
      await checkReader(deps, caller);
      const answer = await resolveConflict(deps, caller, request.body);
      return { answer, counts: { ...nothing, conflicts: 1 } };
    }),
  );
}

function statusRoute(plain: FastifyInstance, deps: Deps, history: History): void {
  const app = plain.withTypeProvider<ZodRoutes>();
  const schema = { ...says('How a device stands', wire.statusAnswer), params: wire.statusParams };
  app.get('/api/sync/status/:deviceId', { schema }, async (request) => {
    const caller = callerOf(deps, request, request.params.deviceId);
    await checkReader(deps, caller);
    return statusOf(deps, caller, history);
  });
}

function callerOf(deps: Deps, request: FastifyRequest, device: string): Caller {
  const caller = deps.caller(request, device);
  deps.countDevice(device);
  return caller;
}

/** Runs syncs, and notes what became of them. */
function noting(deps: Deps, history: History) {
  const started = new WeakMap<FastifyRequest, number>();
  return {
    async run<Answer>(
      kind: wire.SyncKind,
      request: FastifyRequest,
      device: string,
      work: (caller: Caller) => Promise<{ answer: Answer; counts: SyncCounts }>,
    ): Promise<Answer> {
      const startedAt = deps.clock.wallMs();
      started.set(request, startedAt);
      const { answer, counts } = await work(callerOf(deps, request, device));
      history.note({ device, kind, startedAt, counts });
      return answer;
    },
    /** Also what never came as far as a handler. */
    failed:
      (kind: wire.SyncKind): onErrorHookHandler =>
      async (request, _reply, error) => {
        const { deviceId } = (request.body ?? {}) as { deviceId?: unknown };
        const device = typeof deviceId === 'string' ? deviceId : '';
        const startedAt = started.get(request) ?? deps.clock.wallMs();
        history.failed({ device, kind, startedAt, error });
      },
  };
}

function pushedIn({ applied, conflicts, errors }: wire.PushAnswer): SyncCounts {
  const [met, wrong] = [conflicts.length, errors.length];
  return { pushed: applied.length + met, pulled: 0, conflicts: met, errors: wrong };
}

function pulledIn({ changes }: wire.PullAnswer): number {
  return Object.values(changes).reduce((sum, records) => sum + records.length, 0);
}
