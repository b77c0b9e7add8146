// Sockets whose credential or device is good for nothing any more are ended, soon after that is so.

import { RequestError, type TimerHandle } from '@holdfast/core';
import type { Caller, Engine } from '../../engine/engine.ts';
import { liveBounds } from '../../realtime/bounds.ts';
import type { SocketTools } from '../../realtime/wire.ts';

interface Watched {
  caller: Caller;
  end(): void;
}

export interface WatchDeps extends Pick<SocketTools, 'timer' | 'turn' | 'failed'> {
  engine: Pick<Engine, 'identityMark' | 'standings'>;
  nowMs: () => number;
}

/** How many are looked at before others get their turn. */
const chunk = 500;

export function watchStandings(deps: WatchDeps, list: () => readonly Watched[]): { stop(): void } {
  let mark: number | undefined;
  const expiries = new WeakMap<Caller, number>();
  let stopped = false;
  let next = arm();

  function arm(): TimerHandle {
    return deps.timer.after(liveBounds.tickMs, () => {
      look()
        .catch(deps.failed)
        .finally(() => {
          if (!stopped) next = arm();
        });
    });
  }

  async function look(): Promise<void> {
    const watched = list();
    if (watched.length === 0) return;
    const now = await deps.engine.identityMark();
    const unsure = now === mark ? watched.filter(({ caller }) => !expiries.has(caller)) : watched;
    for (let at = 0; at < unsure.length; at += chunk) {
      if (at > 0) await deps.turn();
      await check(unsure.slice(at, at + chunk));
    }
    mark = now;
    for (const { caller, end } of watched)
      if ((expiries.get(caller) ?? Number.POSITIVE_INFINITY) <= deps.nowMs()) end();
  }

  async function check(some: readonly Watched[]): Promise<void> {
    const standings = await deps.engine.standings(some.map(({ caller }) => caller));
    for (const [place, { caller, end }] of some.entries()) {
      const standing = standings[place];
      if (!standing || standing instanceof RequestError) end();
      else expiries.set(caller, standing.expiresAt ?? Number.POSITIVE_INFINITY);
    }
  }

  return {
    stop() {
      stopped = true;
      next.cancel();
    },
  };
}
