// What protocols keep of devices, in the store in memory.

import type { DeviceNote, DeviceNoteQuery } from 'holdfast/store/device-notes';
import type { Database } from './database.ts';

export function putDeviceNotes(database: Database, notes: readonly DeviceNote[], keptMax: number): void {
  const { deviceNotes } = database;
  for (const note of notes) {
    const key = JSON.stringify([note.protocol, note.scope, note.name, note.device]);
    if (note.value === null) deviceNotes.delete(key);
    else deviceNotes.set(key, { ...note });
  }
  const groupOf = ({ protocol, scope, name }: DeviceNote): string => JSON.stringify([protocol, scope, name]);
  const groups = Map.groupBy(deviceNotes, ([, note]) => groupOf(note));
  for (const group of groups.values()) {
    const newest = group.sort(([, a], [, b]) => b.at - a.at || (a.device < b.device ? -1 : 1));
    for (const [key] of newest.slice(keptMax)) deviceNotes.delete(key);
  }
}

export function readDeviceNotes(
  { deviceNotes }: Database,
  { protocol, scope, device }: DeviceNoteQuery,
): readonly DeviceNote[] {
  return [...deviceNotes.values()]
    .filter((note) => note.protocol === protocol && note.scope === scope)
    .filter((note) => device === undefined || note.device === device)
    .sort((a, b) => (a.device === b.device ? (a.name < b.name ? -1 : 1) : a.device < b.device ? -1 : 1))
    .map((note) => ({ ...note }));
}
