// States of the product that a long run must have met, seen from outside: in what the stores and disks were given to keep, and in
// the messages. A state that is never met was never checked.

import type { Limits, VerdictCode } from '@holdfast/core';
import type { Answered, Committed, Observer, Sent, Stored } from './checker.ts';
import type { History } from './history.ts';
import { onStages, stageMarks } from './stage-marks.ts';

const rejections = [
  'no_grant',
  'invalid_record',
  'collection_unknown',
  'record_too_large',
  'counter_inexact',
  'counter_minimum',
  'unique_taken',
  'record_missing',
  'record_deleted',
  'conflict_changed',
  'conflict_settled',
  'conflicts_too_many',
  'waiting_too_many',
  'waiting_too_long',
] as const satisfies readonly VerdictCode[];

const flags = [
  'parent_missing',
  'counter_minimum',
  'unique_taken',
  'record_missing',
  'record_deleted',
  'conflict_open',
] as const satisfies readonly VerdictCode[];

const events = [
  'merged',
  'conflict held',
  'conflict folded',
  'answered server',
  'answered device',
  'answered value',
  'answered undo',
  'answered on a device',
  'chain of waiting',
  'waited, then applied',
  'repeat under another id',
  'value held unclaimed',
  'value to its next holder',
  'fields folded',
  'created over a tombstone',
  'replica renewed',
  'in the quarantine',
  'in the quarantine for another',
  'scope ended',
  'scope given back',
  'run staged over a restart',
  'batch cut again',
  'stale batch',
  'replica of another device',
  'schema not known',
  'batch too large',
  'page cut by size',
  'more verdicts than fit',
  'page that nobody asked for',
  'poke',
] as const;

export const marks: readonly string[] = [
  ...events,
  ...stageMarks,
  ...rejections.map((code) => `rejected: ${code}`),
  ...flags.map((code) => `flagged: ${code}`),
];
type Mark = (typeof events)[number];

export interface Marks extends Observer {
  /** Mark → how often it was met. */
  readonly met: ReadonlyMap<string, number>;
}

export function createMarks(history: History, limits: Limits): Marks {
  const met = new Map<string, number>();
  const note = (mark: string): void => {
    met.set(mark, (met.get(mark) ?? 0) + 1);
  };
  const noteEvent = (mark: Mark, when = true): void => {
    if (when) note(mark);
  };
  const server = onServer(history, note);
  const device = onDevices(noteEvent);
  const stages = onStages((mark, when = true) => {
    if (when) note(mark);
  });
  return {
    met,
    committed: server,
    stored(event) {
      device.stored(event);
      stages.stored(event);
    },
    restarted(event) {
      device.restarted(event);
      stages.restarted(event);
    },
    sent: onSent(noteEvent),
    answered: (event) => onAnswer(event, limits, noteEvent),
    unasked(type) {
      noteEvent('page that nobody asked for', type === 'page');
      noteEvent('poke', type === 'poke');
    },
  };
}

function onServer(history: History, note: (mark: string) => void): (event: Committed) => void {
  const waited = new Set<string>();
  const unclaimed = new Set<string>();
  const noteEvent = (mark: Mark, when: boolean): void => {
    if (when) note(mark);
  };
  return ({ scope, writes }) => {
    for (const { verdict, logged } of writes.mutations) {
      if (verdict.verdict === 'rejected') note(`rejected: ${verdict.code}`);
      for (const { code } of verdict.exceptions ?? []) note(`flagged: ${code}`);
      noteEvent('merged', verdict.verdict === 'merged');
      noteEvent('repeat under another id', Object.keys(logged).length > 1);
      noteEvent('waited, then applied', verdict.seq !== undefined && waited.delete(verdict.mutation));
      if (verdict.verdict === 'waiting') waited.add(verdict.mutation);
    }
    for (const { waitsFor } of writes.held.put)
      noteEvent(
        'chain of waiting',
        waitsFor.some((key) => key.startsWith('mutation:')),
      );
    for (const { state, mutations, settlement } of writes.conflicts) {
      noteEvent('conflict held', state === 'open');
      noteEvent('conflict folded', state === 'open' && mutations.length > 1);
      if (settlement?.by === 'person') note(`answered ${settlement.resolution}`);
      noteEvent('answered on a device', settlement?.device !== undefined);
    }
    for (const { collection, group, value, id, claimed } of writes.unique.put) {
      const name = `${scope} ${collection}/${group}/${value}/${id}`;
      noteEvent('value to its next holder', claimed && unclaimed.delete(name));
      noteEvent('value held unclaimed', !claimed);
      if (!claimed) unclaimed.add(name);
    }
    for (const { collection, id, body, touched } of writes.records) {
      const before = history.scope(scope).versions.get(`${collection}/${id}`)?.at(-1);
      noteEvent('created over a tombstone', body !== null && before?.body === null);
      noteEvent('fields folded', body !== null && touched.includes('"*"'));
    }
  };
}

interface Progress {
  ended: boolean;
  staged: { records: number } | null;
}

function onDevices(
  note: (mark: Mark, when?: boolean) => void,
): Required<Pick<Observer, 'stored' | 'restarted'>> {
  const ids = new Map<string, string>();
  /** `device scope` of those whose grant has ended, and of those that came back with a part of a run. */
  const ended = new Set<string>();
  const staged = new Set<string>();
  const onProgress = (name: string, now: Progress): void => {
    note('scope ended', now.ended && !ended.has(name));
    note('scope given back', !now.ended && ended.delete(name));
    if (now.ended) ended.add(name);
    note('run staged over a restart', !now.ended && now.staged === null && staged.delete(name));
    if (now.ended) staged.delete(name);
  };
  return {
    stored({ device, ops }: Stored) {
      for (const { table, key, value } of ops) {
        if (value === undefined) continue;
        if (table === 'meta' && key[0] === 'replica') {
          const { id } = value as { id: string };
          note('replica renewed', ids.has(device.name) && ids.get(device.name) !== id);
          ids.set(device.name, id);
        } else if (table === 'quarantine')
          note('dependsOn' in (value as object) ? 'in the quarantine for another' : 'in the quarantine');
        else if (table === 'scopes' && key[1] === 'progress')
          onProgress(`${device.name} ${key[0]}`, value as unknown as Progress);
      }
    },
    restarted({ name, disk }) {
      ids.set(name, disk.get<{ id: string }>('meta', ['replica'])?.id ?? '');
      for (const { key, value } of disk.entries<Progress>('scopes'))
        if (key[1] === 'progress' && (value.staged?.records ?? 0) > 0) staged.add(`${name} ${key[0]}`);
    },
  };
}

function onSent(note: (mark: Mark, when?: boolean) => void): (event: Sent) => void {
  /** The first mutation of a batch → how many there were. */
  const lengths = new Map<string, number>();
  return ({ device, mutations }) => {
    const [first] = mutations;
    if (first === undefined) return;
    const before = lengths.get(`${device.name} ${first}`);
    note('batch cut again', before !== undefined && before > mutations.length);
    lengths.set(`${device.name} ${first}`, mutations.length);
  };
}

function onAnswer(
  { status, text, answer, recordsMax }: Answered,
  limits: Limits,
  note: (mark: Mark, when?: boolean) => void,
): void {
  if (!answer) {
    note('stale batch', text.includes('"stale_batch"'));
    note('replica of another device', status === 403 && text.includes('"field":"replica"'));
    note('schema not known', text.includes('"schema_unknown"'));
    note('batch too large', status === 413);
    return;
  }
  const { records, verdicts, more } = answer;
  note('page cut by size', more && records.length > 0 && records.length < recordsMax);
  note('more verdicts than fit', more && verdicts.length >= limits.answerVerdictsMax);
}
