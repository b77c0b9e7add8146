// 4. No reader ever misses a change: at each run that becomes visible, what a device holds of the server is exactly what was
// committed up to that seq, or of a stage in what that opens, and nothing in the rest. Also: what it has read never goes back, unless
// it begins anew.
//
// What was found right stays right until the device writes it again or the server commits a newer version of it, so only these are
// looked at, and everything after a restart and at the end.

import type { Checker, DeviceView, MakeChecker } from '../checker.ts';
import { canonicalBody, type History, type Version } from '../history.ts';
import { isOpen, type Stage } from '../shown.ts';

interface Read {
  seq: number;
  checkpoint: string | null;
  ended: boolean;
  opened: boolean;
}

interface Held {
  version: number;
  body: object | null;
}

/** What is known of one device in one scope. */
interface Known {
  read: Read | undefined;
  /** Up to which seq all has been found right; undefined: nothing has. */
  rightTo: number | undefined;
  /** Record keys that the device wrote since. */
  written: Set<string>;
  /** Of the stage that is open; 0: none is. */
  stageSeq: number;
}

export const nothingMissed: MakeChecker = ({ history, fail }): Checker => {
  const invariant = '4 nothing missed';
  /** Device → scope. */
  const devices = new Map<string, Map<string, Known>>();
  const knownOf = (device: string, scope: string): Known => knownIn(devices, device, scope);
  const compareOne = (device: DeviceView, scope: string, seq: number, key: string): void => {
    const wrong = difference(device, history.at(scope, key, seq), { scope, key });
    if (wrong !== undefined) fail(invariant, `${device.name} at ${scope} ${seq} ${wrong}.`);
  };
  const compareAll = (device: DeviceView, scope: string, seq: number): void => {
    for (const key of keysIn(history, device, scope)) compareOne(device, scope, seq, key);
  };
  const takeStage = (device: DeviceView, scope: string, stage: Stage): void => {
    const known = knownOf(device.name, scope);
    if (stage.seq < known.stageSeq)
      fail(invariant, `${device.name} went back to ${stage.seq} in a stage of ${scope}.`);
    known.stageSeq = stage.seq;
    for (const key of keysIn(history, device, scope)) compareOne(device, scope, seqIn(stage, key), key);
  };
  const compare = (device: DeviceView, scope: string, { written, rightTo }: Known, seq: number): void => {
    if (rightTo === undefined || rightTo > seq) compareAll(device, scope, seq);
    else
      for (const key of [...written, ...history.changedIn(scope, rightTo, seq)])
        compareOne(device, scope, seq, key);
  };
  const take = (device: DeviceView, scope: string, now: Read): void => {
    const known = knownOf(device.name, scope);
    const before = known.read;
    known.read = now;
    if (before?.checkpoint === now.checkpoint && before?.ended === now.ended) return;
    if (now.ended || now.opened) known.stageSeq = 0;
    if (now.ended || !now.opened) {
      known.rightTo = undefined;
      return;
    }
    if (before && !before.ended && before.checkpoint !== null && now.seq < before.seq)
      fail(invariant, `${device.name} went back from ${before.seq} to ${now.seq} in ${scope}.`);
    compare(device, scope, known, now.seq);
    known.rightTo = now.seq;
    known.written.clear();
  };
  return {
    invariant,
    restarted({ name, disk }) {
      devices.delete(name);
      for (const { key, value } of disk.entries<Read>('scopes'))
        if (key[1] === 'progress') knownOf(name, key[0] ?? '').read = value;
    },
    stored({ device, ops }) {
      for (const { table, key } of ops)
        if (table === 'records' || table === 'shadows')
          knownOf(device.name, key[0] ?? '').written.add(`${key[1]}/${key[2]}`);
      for (const { table, key, value } of ops) {
        if (table !== 'scopes' || value === undefined) continue;
        const [scope = '', part] = key;
        if (part === 'progress') take(device, scope, value as unknown as Read);
        else if (part === 'stage') takeStage(device, scope, value as unknown as Stage);
      }
    },
    ended(devices) {
      for (const device of devices)
        for (const { key, value } of device.disk.entries<Read>('scopes'))
          if (key[1] === 'progress' && !value.ended) compareAll(device, key[0] ?? '', value.seq);
    },
  };
};

function knownIn(devices: Map<string, Map<string, Known>>, device: string, scope: string): Known {
  const scopes = devices.get(device) ?? new Map<string, Known>();
  devices.set(device, scopes);
  const nothing = { read: undefined, rightTo: undefined, stageSeq: 0 };
  const known = scopes.get(scope) ?? { ...nothing, written: new Set<string>() };
  scopes.set(scope, known);
  return known;
}

/** What is not open is as it was before anything. */
function seqIn(stage: Stage, key: string): number {
  return isOpen(stage, [key.slice(0, key.indexOf('/'))]) ? stage.seq : 0;
}

/** Of all records that were ever committed, or that the device holds. */
function keysIn(history: History, { disk }: DeviceView, scope: string): Set<string> {
  const keys = new Set(history.scope(scope).versions.keys());
  for (const table of ['records', 'shadows'] as const)
    for (const { key } of disk.entries(table, [scope])) keys.add(`${key[1]}/${key[2]}`);
  return keys;
}

/** How what a device holds of a record differs from what was committed. */
function difference(
  { disk }: DeviceView,
  expected: Version | undefined,
  { scope, key }: { scope: string; key: string },
): string | undefined {
  const at = key.indexOf('/');
  const place = [scope, key.slice(0, at), key.slice(at + 1)];
  const held = disk.get<Held>('shadows', place) ?? disk.get<Held>('records', place);
  const [found, want] = [canonicalBody(held?.body ?? null), expected?.body ?? null];
  if (found !== want) return `has ${key} as ${found ?? 'nothing'}, not as ${want ?? 'nothing'}`;
  const wrongVersion = held && want !== null && held.version !== expected?.seq;
  return wrongVersion ? `has version ${held.version} of ${key}, not ${expected?.seq}` : undefined;
}
