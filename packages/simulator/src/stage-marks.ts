// States of a first sync that opens by stages: what may happen between two of them.

import type { Observer, Stored } from './checker.ts';
import { isOpen, type Progress, type Stage, stageOf } from './shown.ts';

export const stageMarks = [
  'stage opened before the end',
  'stage opened after another',
  'stage opened under what waited for its grant',
  'died between two stages',
  'died within the run of a stage',
  'grant ended between two stages',
  'written between two stages',
  'settled in one stage, shown for another',
] as const;
export type StageMark = (typeof stageMarks)[number];

interface Entry {
  state: string;
  asOf?: number;
  mutation: { changes: readonly { collection: string }[] };
}

export function onStages(
  note: (mark: StageMark, when?: boolean) => void,
): Required<Pick<Observer, 'stored' | 'restarted'>> {
  /** `device scope` → what is open there of a first sync that goes on. */
  const open = new Map<string, Stage>();
  const opens = ({ device }: Stored, scope: string, stage: Stage): void => {
    const name = `${device.name} ${scope}`;
    note('stage opened before the end', stage.seq > 0);
    note('stage opened after another', open.has(name));
    open.set(name, stage);
    const entries = device.disk.entries<Entry>('outbox', [scope]);
    const isVeiled = device.disk.get('scopes', [scope, 'veil']) !== undefined;
    note('stage opened under what waited for its grant', isVeiled && entries.length > 0);
    note(
      'settled in one stage, shown for another',
      entries.some(({ value }) => isInParts(value, stage)),
    );
  };
  return {
    stored(event) {
      const { device, ops } = event;
      for (const { table, key, value } of ops) {
        if (table === 'outbox' && value !== undefined && open.size > 0)
          note('written between two stages', isNew(value) && open.has(`${device.name} ${key[0]}`));
        if (table !== 'scopes' || value === undefined) continue;
        const [scope = '', part] = key;
        if (part === 'stage') opens(event, scope, value as unknown as Stage);
        if (part !== 'progress' || !open.has(`${device.name} ${scope}`)) continue;
        const { ended, opened } = value as unknown as Progress;
        note('grant ended between two stages', ended);
        if (ended || opened) open.delete(`${device.name} ${scope}`);
      }
    },
    restarted({ name, disk }) {
      for (const { key, value } of disk.entries<Progress & { staged: { collections?: unknown } | null }>(
        'scopes',
      )) {
        const [scope = '', part] = key;
        if (part !== 'progress') continue;
        const stage = value.opened ? undefined : stageOf(disk, scope);
        note('died between two stages', stage !== undefined);
        note('died within the run of a stage', value.staged?.collections !== undefined);
        if (stage) open.set(`${name} ${scope}`, stage);
        else open.delete(`${name} ${scope}`);
      }
    },
  };
}

function isNew(value: unknown): boolean {
  return (value as Entry).state === 'unsent';
}

function isInParts({ state, asOf = 0, mutation }: Entry, stage: Stage): boolean {
  const parts = mutation.changes.map(({ collection }) => isOpen(stage, [collection]));
  return state === 'settled' && asOf <= stage.seq && parts.includes(true) && parts.includes(false);
}
