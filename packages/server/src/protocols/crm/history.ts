// What crm notes of each sync, and tells of it again in a device's history.

import { RequestError } from '@holdfast/core';
import type { Engine } from '../../engine/engine.ts';
import { timeText } from '../time.ts';
import { protocolName } from './records.ts';
import type { Sync, SyncKind } from './wire.ts';

export interface SyncCounts {
  pushed: number;
  pulled: number;
  conflicts: number;
  errors: number;
}

export const nothing: SyncCounts = { pushed: 0, pulled: 0, conflicts: 0, errors: 0 };

type Noted = Awaited<ReturnType<Engine['syncs']['list']>>[number];

/** So many stand in a status. */
const historyMax = 20;

/** Who has no right to be here is not noted. */
const strangers: ReadonlySet<string> = new Set([
  'unauthenticated',
  'forbidden',
  'device_revoked',
  'too_many',
]);

export interface History {
  note(sync: { device: string; kind: SyncKind; startedAt: number; counts: SyncCounts }): void;
  /** One that failed as a whole: its request was malformed, too large, or met a fault. */
  failed(sync: { device: string; kind: SyncKind; startedAt: number; error: unknown }): void;
  /** The newest first, and when the last one was that did not fail; null: none that is still known. */
  of(device: string): Promise<{ history: readonly Sync[]; lastSync: string | null }>;
}

export function createHistory(
  { syncs }: Pick<Engine, 'syncs'>,
  { scope, idCharsMax }: { scope: string; idCharsMax: number },
): History {
  const noted = { protocol: protocolName, scope };
  return {
    note: ({ device, kind, startedAt, counts }) =>
      syncs.note({ ...noted, device, kind, ok: true, facts: { startedAt, ...counts } }),
    failed({ device, kind, startedAt, error }) {
      const code = error instanceof RequestError ? error.code : 'internal';
      if (device === '' || device.length > idCharsMax || strangers.has(code)) return;
      syncs.note({ ...noted, device, kind, ok: false, facts: { startedAt, ...nothing, errors: 1, code } });
    },
    async of(device) {
      const own = { protocol: protocolName, device, max: historyMax };
      let entries = await syncs.list(own);
      const history = entries.map(syncOf);
      let last = entries.find(isSync);
      while (!last && entries.length === historyMax) {
        entries = await syncs.list({ ...own, before: entries.at(-1)?.place ?? 0 });
        last = entries.find(isSync);
      }
      return { history, lastSync: last ? timeText(last.at) : null };
    },
  };
}

function isSync({ ok, kind }: Noted): boolean {
  return ok && kind !== 'resolve';
}

function syncOf({ at, kind, facts }: Noted): Sync {
  const count = (name: string): number => Number(facts[name] ?? 0);
  return {
    startedAt: timeText(Number(facts.startedAt ?? at)),
    finishedAt: timeText(at),
    kind,
    pushed: count('pushed'),
    pulled: count('pulled'),
    conflicts: count('conflicts'),
    errors: count('errors'),
  };
}
