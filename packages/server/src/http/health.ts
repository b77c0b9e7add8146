// Whether the process lives, and whether it can do its work: for people, supervisors and load balancers. No credential is asked
// for, and nothing is told but yes or no.

import { type Clock, protocolMarker } from '@holdfast/core';
import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';

export interface HealthDeps {
  clock: Clock;
  /** Resolves when the store takes a write now; rejects with the reason. */
  ready: () => Promise<void>;
}

const said = z.object({ protocol: z.literal(protocolMarker), ok: z.literal(true), now: z.number() });

// A probe writes; whoever asks more often is told what the last one found.
const probeEveryMs = 1_000;

export function healthRoutes({ clock, ready }: HealthDeps): FastifyPluginAsync {
  let probe: { atMs: number; outcome: Promise<void> } | undefined;
  const probed = (): Promise<void> => {
    const nowMs = clock.monoMs();
    if (!probe || nowMs - probe.atMs >= probeEveryMs) probe = { atMs: nowMs, outcome: ready() };
    return probe.outcome;
  };
  const yes = (): object => ({ protocol: protocolMarker, ok: true, now: clock.wallMs() });
  return async (app) => {
    const alive = { open: true, describes: { summary: 'Whether it serves', response: { 200: said } } };
    const able = { open: true, describes: { summary: 'Whether it takes writes', response: { 200: said } } };
    app.get('/healthz', { config: alive }, async () => yes());
    app.get('/readyz', { config: able }, async () => {
      await probed();
      return yes();
    });
  };
}
