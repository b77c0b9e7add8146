// hims over HTTP. README.md is the contract.

import { RequestError } from '@holdfast/core';
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest, onErrorHookHandler } from 'fastify';
import { z } from 'zod';
import { rightIn } from '../../engine/access.ts';
import type { MountDeps, ZodRoutes } from '../mount.ts';
import { timeText } from '../time.ts';
import { openConflicts, resolveConflict } from './conflicts.ts';
import {
  noteSeen,
  peerAddress,
  plainAddress,
  registerDevice,
  registerUnknown,
  wireDevice,
} from './devices.ts';
import { protocolName } from './records.ts';
import { pull, push, readPush, type SyncDeps } from './sync.ts';
import * as wire from './wire.ts';

export interface HimsOptions {
  maxSyncRecords: number;
}

type Deps = MountDeps<HimsOptions>;

export function himsRoutes(deps: Deps): FastifyPluginAsync {
  return async (plain) => {
    aboutRoutes(plain, deps);
    deviceRoutes(plain, deps);
    syncRoutes(plain, deps);
    conflictRoutes(plain, deps);
  };
}

function aboutRoutes(plain: FastifyInstance, deps: Deps): void {
  const app = plain.withTypeProvider<ZodRoutes>();
  const { engine, identity, scope, clock } = deps;
  const ping = { summary: 'Whether the server is there', response: { 200: wire.pingAnswer } };
  app.get('/ping', { config: { open: true }, schema: ping }, async (request) => ({
    success: true,
    message: 'HIMS Sync Server is running',
    serverIP: ownAddress(deps, request),
    timestamp: timeText(clock.wallMs()),
    version: wire.wireVersion,
  }));
  const info = { summary: 'What the server is', response: { 200: wire.infoAnswer } };
  app.get('/info', { schema: info }, async (request) => {
    await checkReader(deps, request);
    const nowMs = clock.wallMs();
    return {
      success: true,
      data: {
        name: wire.serverName,
        version: wire.wireVersion,
        serverIP: ownAddress(deps, request),
        port: deps.address().port,
        activeDevices: (await identity.devices()).length,
        uptime: Math.max(0, nowMs - deps.startedAtMs) / 1_000,
        timestamp: timeText(nowMs),
      },
    };
  });
  const stats = { summary: 'Counts of syncs, conflicts and devices', response: { 200: wire.statsAnswer } };
  app.get('/stats', { schema: stats }, async (request) => {
    await checkReader(deps, request);
    const [syncs, conflicts, devices] = await Promise.all([
      engine.syncs.stats(protocolName, ['push', 'pull']),
      engine.inspect.conflictCounts(scope),
      identity.devices(),
    ]);
    return {
      success: true,
      data: {
        sync: { total_syncs: syncs.total, successful_syncs: syncs.ok, failed_syncs: syncs.failed },
        conflicts: {
          total_conflicts: conflicts.all,
          unresolved: conflicts.open,
          resolved: conflicts.all - conflicts.open,
        },
        devices: devices.length,
      },
    };
  });
}

/** By which the client reached it; a server that listens everywhere has several. */
function ownAddress({ address }: Deps, { raw }: FastifyRequest): string {
  return plainAddress(raw.socket.localAddress) || address().host;
}

function deviceRoutes(plain: FastifyInstance, deps: Deps): void {
  const app = plain.withTypeProvider<ZodRoutes>();
  const { identity } = deps;
  const register = {
    summary: 'Registers a device, or updates its name and address',
    body: wire.registerMessage,
    response: { 200: wire.registeredAnswer },
  };
  app.post('/devices/register', { schema: register }, async (request) => {
    deps.caller(request, request.body.uuid);
    await checkReader(deps, request);
    const who = { caller: deps.caller(request), address: peerAddress(request) };
    const { device, name, address } = await registerDevice(identity, request.body, who);
    return {
      success: true,
      message: 'Device registered successfully',
      data: { uuid: device, name, ipAddress: address, registered: true },
    };
  });
  const list = { summary: 'The active devices', response: { 200: wire.devicesAnswer } };
  app.get('/devices', { schema: list }, async (request) => {
    await checkReader(deps, request);
    const devices = await identity.devices();
    return {
      success: true,
      message: `Found ${devices.length} active devices`,
      data: devices.map(wireDevice),
    };
  });
  const one = {
    summary: 'One device',
    params: z.object({ uuid: z.string() }),
    response: { 200: wire.deviceAnswer },
  };
  app.get('/devices/:uuid', { schema: one }, async (request) => {
    await checkReader(deps, request);
    const device = await identity.device(request.params.uuid);
    if (!device) throw new RequestError('not_found', { message: 'There is no such device.' });
    return { success: true, data: wireDevice(device) };
  });
}

/** Throws RequestError for who has no right to the scope. */
async function checkReader({ engine, scope, caller }: Deps, request: FastifyRequest): Promise<void> {
  const [standing] = await engine.standings([caller(request)]);
  if (standing instanceof RequestError) throw standing;
  if (!standing || rightIn(standing.grants, scope) === 'none')
    throw new RequestError('forbidden', { field: 'scope' });
}

function syncRoutes(plain: FastifyInstance, deps: Deps): void {
  const app = plain.withTypeProvider<ZodRoutes>();
  const { engine, identity, scope, log } = deps;
  const sync: SyncDeps = { ...deps, recordsMax: deps.options.maxSyncRecords };
  const note = (
    kind: string,
    device: string,
    done: { ok: boolean; facts: Record<string, number | string> },
  ): void => {
    engine.syncs.note({ protocol: protocolName, device, scope, kind, ...done });
    // Devices ask all day: of what brought nothing, who looks closely is told.
    const level = done.facts.records === 0 ? 'debug' : 'info';
    log[level]({ device, kind, ...done.facts }, done.ok ? 'synced' : 'sync failed');
  };
  // Also what never came as far as a handler. Who has no right to be here is not counted.
  const failed =
    (kind: string): onErrorHookHandler =>
    async (request, _reply, error) => {
      const code = error instanceof RequestError ? error.code : 'internal';
      if (strangers.has(code)) return;
      const { deviceUuid } = (request.body ?? {}) as { deviceUuid?: unknown };
      note(kind, typeof deviceUuid === 'string' ? deviceUuid : '', { ok: false, facts: { code } });
    };
  const pulls = {
    summary: 'Records that changed since a time, page by page',
    body: wire.pullMessage,
    response: { 200: wire.pullAnswer },
  };
  app.post('/sync/pull', { schema: pulls, onError: failed('pull') }, async (request) => {
    const { deviceUuid } = request.body;
    const caller = deps.caller(request, deviceUuid);
    deps.countDevice(deviceUuid);
    const answer = await pull(sync, caller, request.body);
    await noteSeen(deps, { caller, address: peerAddress(request) });
    note('pull', deviceUuid, { ok: true, facts: { records: answer.totalRecords } });
    return answer;
  });
  const pushes = {
    summary: 'Takes records, and says of each that was not taken why',
    body: wire.pushMessage,
    response: { 200: wire.pushAnswer },
  };
  const config = { items: [['data', '*', '*']] };
  app.post('/sync/push', { config, schema: pushes, onError: failed('push') }, async (request) => {
    const { deviceUuid } = request.body;
    const caller = deps.caller(request, deviceUuid);
    deps.countDevice(deviceUuid);
    const records = readPush(sync, request.body);
    await registerUnknown(identity, { caller, address: peerAddress(request) });
    const answer = await push(sync, caller, records);
    note('push', deviceUuid, { ok: true, facts: answer.processed });
    return answer;
  });
}

const strangers: ReadonlySet<string> = new Set([
  'unauthenticated',
  'forbidden',
  'device_revoked',
  'too_many',
]);

function conflictRoutes(plain: FastifyInstance, deps: Deps): void {
  const app = plain.withTypeProvider<ZodRoutes>();
  const found = async (request: FastifyRequest, query: Parameters<typeof openConflicts>[1]) => {
    await checkReader(deps, request);
    const { conflicts, more } = await openConflicts(deps, query);
    return {
      success: true,
      message: `Found ${conflicts.length} unresolved conflicts`,
      data: conflicts,
      ...(more ? { hasMore: true } : {}),
    };
  };
  const query = z.object({ after: z.coerce.number().int().min(0).optional() });
  const all = {
    summary: 'The conflicts that wait for a person',
    querystring: query,
    response: { 200: wire.conflictsAnswer },
  };
  app.get('/conflicts', { schema: all }, (request) => found(request, { after: request.query.after }));
  const ofDevice = { ...all, summary: 'Those of one device', params: z.object({ deviceUuid: z.string() }) };
  app.get('/conflicts/:deviceUuid', { schema: ofDevice }, (request) =>
    found(request, { device: request.params.deviceUuid, after: request.query.after }),
  );
  const resolve = {
    summary: 'Settles a conflict by a person’s word',
    params: z.object({ conflictId: z.string() }),
    body: wire.resolveMessage,
    response: { 200: wire.resolvedAnswer },
  };
  app.post('/conflicts/:conflictId/resolve', { schema: resolve }, async (request) => {
    await checkReader(deps, request);
    const asked = request.body;
    const caller = deps.caller(request);
    const said = { ...caller, actor: caller.actor || (asked.resolvedBy ?? '') };
    const data = await resolveConflict(deps, said, { id: request.params.conflictId, asked });
    return { success: true, message: 'Conflict resolved successfully', data };
  });
}
