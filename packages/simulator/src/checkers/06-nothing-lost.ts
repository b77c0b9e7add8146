// 6. Unsettled local writes are never lost, except by the user's own word; a rejected one stays visible with its reason.
//
// An entry leaves the outbox only when the server's verdict allows it: applied (and then its effect must be in what is visible),
// or moved to the quarantine in the same transaction. Every mutation that a device made is pending, applied or kept.

import type { DeviceView, MakeChecker } from '../checker.ts';
import { seqShown } from '../shown.ts';

interface Entry {
  mutation: { id: string };
  state: string;
}

const applied = new Set(['applied', 'merged', 'excepted']);

function isQuarantined({ disk }: DeviceView, scope: string, id: string): boolean {
  return disk.entries<Entry>('quarantine', [scope]).some(({ value }) => value.mutation.id === id);
}

export const nothingLost: MakeChecker = ({ history, fail }) => {
  const invariant = '6 nothing lost';
  /** Mutations that a conflict took out of the view: their effect is not shown, so it cannot vanish. */
  const inConflict = new Set<string>();
  /** From which seq on the server's state holds it; a verdict that is told again names a later one. */
  const firstAsOf = new Map<string, number>();
  const mayLeave = (device: DeviceView, scope: string, id: string): string | undefined => {
    if (device.givenUp.has(id)) return undefined;
    const problem = problemOf(device, scope, id);
    return problem === undefined || isQuarantined(device, scope, id) ? undefined : problem;
  };
  const problemOf = (device: DeviceView, scope: string, id: string): string | undefined => {
    const verdict = history.scope(scope).verdicts.get(id);
    if (!verdict) return 'without a verdict';
    if (verdict.verdict === 'waiting' || verdict.verdict === 'conflict')
      return `while it is ${verdict.verdict}`;
    if (verdict.verdict === 'rejected') return 'rejected, and not kept in the quarantine';
    if (inConflict.has(`${device.name} ${id}`)) return undefined;
    const touched = history.made.get(id)?.mutation.changes.map(({ collection }) => collection) ?? [];
    const shown = seqShown(device.disk, scope, touched);
    const asOf = firstAsOf.get(id) ?? verdict.asOf;
    return shown !== undefined && shown < asOf
      ? `settled as of ${asOf}, while ${shown} is visible`
      : undefined;
  };
  return {
    invariant,
    committed({ writes }) {
      for (const { verdict } of writes.mutations)
        if (applied.has(verdict.verdict) && !firstAsOf.has(verdict.mutation))
          firstAsOf.set(verdict.mutation, verdict.asOf);
    },
    stored({ device, ops }) {
      for (const { table, key, value } of ops) {
        if (table === 'outbox' && value !== undefined) {
          const { state, mutation } = value as unknown as Entry;
          if (state === 'conflict') inConflict.add(`${device.name} ${mutation.id}`);
        }
        if (table !== 'marks' || key[1] !== 'id' || value !== undefined) continue;
        const [scope = '', , id = ''] = key;
        if (device.disk.get('marks', key) !== undefined) continue;
        const problem = mayLeave(device, scope, id);
        if (problem !== undefined) fail(invariant, `${device.name} let ${id} go ${problem}.`);
      }
    },
    restarted(device) {
      for (const { value } of device.disk.entries<Entry>('outbox'))
        if (value.state === 'conflict') inConflict.add(`${device.name} ${value.mutation.id}`);
    },
    ended(devices) {
      for (const device of devices) {
        const kept = new Set<string>();
        for (const table of ['outbox', 'quarantine'] as const)
          for (const { value } of device.disk.entries<Entry>(table)) kept.add(value.mutation.id);
        for (const [id, made] of history.made) {
          if (made.device !== device.name || kept.has(id) || !device.accepted.has(id)) continue;
          const problem = mayLeave(device, made.scope, id);
          if (problem !== undefined) fail(invariant, `${device.name} no longer has ${id}, ${problem}.`);
        }
      }
    },
  };
};
