// What a person does besides the work: looks after what was not taken, syncs by hand, walks out of reach.

import type { Act, Choice, Hands } from './act.ts';

/** Corrects, sends again or gives up one mutation that was not taken. */
export function lookAtQuarantine({ draw }: Choice): Act {
  const [nth, way, label] = [
    draw.below(3),
    draw.pick(['correct', 'resend', 'discard'] as const),
    draw.below(9),
  ];
  return {
    name: `looks at the quarantine: ${way}`,
    run: async (hands) => {
      const { quarantine } = hands.scope;
      const item = (await quarantine.list({ limit: 3 }))[nth];
      if (!item) return;
      await byOwnWord(hands, [item.mutation.id], () => {
        if (way === 'discard') return quarantine.discard(item.place, 'not needed');
        if (way === 'resend') return quarantine.resend(item.place);
        return quarantine.correct(item.place, (tx) => tx.shelves.put({ id: 's0', label: `label ${label}` }));
      });
    },
  };
}

/** Looks at the conflicts of this device, and sometimes drops its own side. */
export function lookAtConflicts({ draw }: Choice): Act {
  const drops = draw.chance(0.4);
  return {
    name: drops ? 'drops its side of a conflict' : 'looks at the conflicts',
    run: async (hands) => {
      const { scope } = hands;
      const [conflict] = await scope.conflicts.list({ limit: 1 });
      if (!conflict || !drops) return;
      await byOwnWord(hands, conflict.mutations, () => scope.conflicts.discard(conflict.id, 'not needed'));
    },
  };
}

/** Answers a conflict of this device, wherever it is, or takes back how one was settled. */
export function decide({ draw }: Choice): Act {
  const [nth, way, word] = [
    draw.below(3),
    draw.pick(['server', 'device', 'value', 'undo'] as const),
    `decided ${draw.below(9)}`,
  ];
  return {
    name: `decides a conflict: ${way}`,
    run: async ({ scope }) => {
      const state = way === 'undo' ? 'settled' : 'open';
      const conflict = (await scope.conflicts.list({ state, limit: 3 }))[nth];
      if (!conflict) return;
      if (way === 'undo') return scope.conflicts.undo(conflict.id);
      if (way !== 'value') return scope.conflicts.resolve(conflict.id, way);
      const { id: _, ...record } = (await scope
        .collection(conflict.collection as 'notes')
        .get(conflict.record)) ?? {
        id: '',
      };
      const field = Object.entries(record).find(([, value]) => typeof value === 'string')?.[0];
      const answer = field === undefined ? ('device' as const) : { value: { ...record, [field]: word } };
      return scope.conflicts.resolve(conflict.id, answer);
    },
  };
}

/** What is given up may go from the moment on at which it was said; what could not be done gives nothing up. */
async function byOwnWord(hands: Hands, ids: readonly string[], work: () => Promise<void>): Promise<void> {
  for (const id of ids) hands.giveUp(id);
  try {
    await work();
  } catch (error) {
    for (const id of ids) hands.keep(id);
    throw error;
  }
}

/** By hand: everything, or only what is urgent; sometimes without waiting for the end. */
export function syncNow({ draw }: Choice): Act {
  const [minPriority, waitMs] = [draw.pick([1, 1, 6, 8, 9]), draw.around(300)];
  const leaves = draw.chance(0.4);
  return {
    name: `syncs what has priority ${minPriority} and more`,
    run: async ({ scope, after, complain }) => {
      const stop = new AbortController();
      if (leaves) after(waitMs, () => stop.abort());
      const { ok, reason } = await scope.sync({ minPriority, signal: stop.signal });
      if (!ok && reason === undefined) complain('A sync did not succeed, and nobody says why.');
    },
  };
}

/** From seconds to longer than anything that is waited for. */
export function goOffline({ draw }: Choice): Act {
  const forMs = draw.pick([1_000, 4_000, 15_000, 600_000]) * (0.5 + draw.fraction());
  return {
    name: `is out of reach for ${(forMs / 1_000).toFixed(0)} s`,
    run: async ({ goOffline: go }) => go(forMs),
  };
}
