// The socket of `documents`: `/sync?userId=…&deviceId=…`. Who asks is proven before the upgrade; who is refused gets a socket all the
// same, which is closed at once with the contract's code, because a browser cannot read the answer to an upgrade.
//
//   asked ── missing or wrong ──▶ closed 4400
//     │  └── no proof of the user ──▶ closed 4401
//     └── told all (FULL_SYNC) ──▶ open: writes are answered in their order, others' writes are told

import { RequestError } from '@holdfast/core';
import { assertLiveBounds, fittingLiveBounds, type LiveBounds } from '../../realtime/bounds.ts';
import { createFeeds } from '../../realtime/feeds.ts';
import { createHub } from '../../realtime/hub.ts';
import type { Peer, SocketRoute, SocketTools } from '../../realtime/wire.ts';
import { callerOf } from '../door.ts';
import type { MountDeps } from '../mount.ts';
import { DocumentSocket, RefusedSocket } from './document-socket.ts';
import type { Shared } from './presence.ts';
import { isRefusal, speakingFor, type Who } from './speaking-for.ts';
import { type Told, toldBy } from './tail.ts';
import { scopeOf } from './translate.ts';
import {
  closeCodes,
  type DocumentsOptions,
  messageBytesMax,
  readConnection,
  tokenIn,
  unauthenticated,
} from './wire.ts';

export function documentSockets(
  deps: MountDeps<DocumentsOptions>,
  shared: Shared,
  tools: SocketTools,
): readonly SocketRoute[] {
  const { engine, clock, limits, options } = deps;
  const { timer, turn, failed } = tools;
  const bounds = assertLiveBounds(documentsBounds(limits, options), limits);
  const hub = createHub({ engine, clock, timer, turn, bounds, failed });
  const feeds = createFeeds<readonly Told[]>({
    engine,
    bounds: bounds.page,
    followersPerTurn: bounds.followersPerTurn,
    turn,
    nowMs: () => clock.wallMs(),
    failed,
  });
  const parts = { deps, shared, tools, bounds, hub, feeds, encode: toldBy(shared.names) };
  return [
    {
      path: '/sync',
      messageBytesMax,
      async admit(peer) {
        hub.admit();
        const who = await whoAsks(deps, peer);
        return (wire) =>
          'refusal' in who
            ? new RefusedSocket(parts, wire, who.refusal)
            : new DocumentSocket(parts, wire, who);
      },
      stop: () => hub.stop(),
    },
  ];
}

/** Bounds of its sockets, from those of native ones. */
export function documentsBounds(
  limits: MountDeps['limits'],
  { pingMs }: Pick<DocumentsOptions, 'pingMs'>,
): LiveBounds {
  const fitting = fittingLiveBounds(limits);
  return {
    ...fitting,
    pingMs,
    // Two pings have gone out by then, the second half a beat ago.
    silentMsMax: Math.ceil(2.5 * pingMs),
    tickMs: Math.min(fitting.tickMs, pingMs),
    // Users name their devices as they like, so that many may have one name. How many one address may open, the host bounds.
    socketsPerDeviceMax: fitting.socketsMax,
    messagesPerSecond: 300,
    // Who has much takes long to read it.
    behindMsMax: 120_000,
    // One large document is told as one page.
    page: { ...fitting.page, charsMax: fitting.unsentBytesMax },
  };
}

async function whoAsks(
  { identity, engine }: MountDeps,
  { url, headers }: Peer,
): Promise<Who | { refusal: { code: number; reason: string } }> {
  const sender = readConnection(url);
  if ('reason' in sender) return { refusal: { code: closeCodes.missing, reason: sender.reason } };
  const token = headers.authorization === undefined ? tokenIn(url) : undefined;
  try {
    const proof = await identity.prove(
      token === undefined ? headers : { ...headers, authorization: `Bearer ${token}` },
    );
    // A token ends soon; a key does not, and URLs are written down on their way.
    const isKey = proof.configKey || (proof.key !== null && proof.expiresAt === undefined);
    if (token !== undefined && isKey) throw unauthenticated();
    const caller = speakingFor(callerOf(proof, sender.deviceId), sender.userId);
    const [standing] = await engine.standings([caller]);
    if (!standing || standing instanceof RequestError) throw standing ?? new RequestError('unauthenticated');
    return { sender, scope: scopeOf(sender.userId), caller, standing };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return { refusal: { code: closeCodes.unauthenticated, reason: error.code } };
  }
}
