// terminal: shop terminals to a central server, with priorities, and triggers over Socket.IO. README.md is the contract.

import { liveBounds } from '../../realtime/bounds.ts';
import type { SocketTools } from '../../realtime/wire.ts';
import { defineProtocol, type MountDeps, type MountError, type UpgradeRoute } from '../mount.ts';
import { followChanges, pushBounds } from './changes.ts';
import { entitiesOf } from './entities.ts';
import { optionsShape, type TerminalOptions } from './options.ts';
import { type RouteDeps, terminalRoutes } from './routes.ts';
import { createSockets, type TerminalSockets } from './sockets.ts';
import { createTerminals } from './terminals.ts';
import { createTriggers } from './triggers.ts';

/** After a start of the server, terminals that come back first get so long to do so. */
const restartMs = 2_000;

export const terminal = defineProtocol({
  options: optionsShape,
  collections: null,
  fields: { id: 'entityId', time: 'updatedAt' },
  counters: true,
  origins: 'near',
  gzip: true,
  create(mount) {
    const deps = partsOf(mount);
    let sockets: TerminalSockets | undefined;
    return {
      routes: async (app) => {
        await app.register(terminalRoutes(deps));
        if (sockets) await app.register(sockets.polling);
      },
      sockets(tools) {
        sockets = createSockets({ ...deps, deps }, tools);
        return [startTelling(deps, tools, sockets)];
      },
      errorBody,
    };
  },
});

function partsOf(deps: MountDeps<TerminalOptions>): RouteDeps {
  const { engine, schema, collections, scope, clock, timer, options } = deps;
  const terminals = createTerminals({
    engine,
    scope,
    nowMs: () => clock.wallMs(),
    heartbeatMs: options.heartbeatMs,
  });
  return {
    ...deps,
    entities: entitiesOf(schema, collections, options.conflictStrategy),
    terminals,
    triggers: createTriggers({ terminals, clock, timer }),
  };
}

/** Tells terminals by itself: after a start, and of urgent changes. */
function startTelling(deps: RouteDeps, tools: SocketTools, { route }: TerminalSockets): UpgradeRoute {
  const { engine, scope, clock, entities, terminals, triggers, options } = deps;
  const { turn, failed } = tools;
  const following = followChanges(
    {
      engine,
      bounds: pushBounds,
      followersPerTurn: liveBounds.followersPerTurn,
      turn,
      nowMs: () => clock.wallMs(),
      failed,
    },
    { scope, entities, changed: triggers.changed },
  );
  following.catch(failed);
  // Who comes for the first time has missed no restart.
  const before = terminals.all();
  before.catch(failed);
  const restart = async (): Promise<void> => {
    const known = new Set((await before).map(({ terminalId }) => terminalId));
    for (const { terminalId, status } of await terminals.all())
      if (known.has(terminalId) && (status === 'ONLINE' || status === 'OFFLINE'))
        triggers.tell(terminalId, { type: 'FULL', reason: 'SERVER_RESTART' });
  };
  const due = options.autoSyncOnRestart
    ? tools.timer.after(restartMs, () => void restart().catch(failed))
    : undefined;
  return {
    ...route,
    stop() {
      due?.cancel();
      void following.then((unfollow) => unfollow()).catch(failed);
      triggers.stop();
      route.stop();
    },
  };
}

function errorBody({ message, field }: MountError): unknown {
  const named = field === undefined || field === '' || message.includes(field);
  return { success: false, error: named ? message : `${field}: ${message}` };
}
