// 4. No reader ever misses a change: at each run that becomes visible, what a device holds of the server is exactly what was
// committed up to that seq. Also: what it has read never goes back, unless it begins anew.

import type { Checker, DeviceView, MakeChecker } from '../checker.ts';
import { canonicalBody } from '../history.ts';

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

export const nothingMissed: MakeChecker = ({ history, fail }): Checker => {
  const invariant = '4 nothing missed';
  const last = new Map<string, Read>();
  const compare = (device: DeviceView, scope: string, seq: number): void => {
    const held = new Map<string, { version: number; body: string | null }>();
    for (const table of ['records', 'shadows'] as const)
      for (const { key, value } of device.disk.entries<Held>(table, [scope]))
        held.set(`${key[1]}/${key[2]}`, { version: value.version, body: canonicalBody(value.body) });
    for (const [key, versions] of history.scope(scope).versions) {
      const expected = versions.findLast((version) => version.seq <= seq);
      const found = held.get(key);
      held.delete(key);
      const want = expected?.body ?? null;
      if ((found?.body ?? null) !== want)
        fail(
          invariant,
          `${device.name} at ${scope} ${seq} has ${key} as ${found?.body ?? 'nothing'}, not as ${want ?? 'nothing'}.`,
        );
      else if (found && want !== null && found.version !== expected?.seq)
        fail(
          invariant,
          `${device.name} at ${scope} ${seq} has version ${found.version} of ${key}, not ${expected?.seq}.`,
        );
    }
    for (const [key, { body }] of held)
      if (body !== null)
        fail(invariant, `${device.name} at ${scope} ${seq} has ${key}, which the server never had.`);
  };
  return {
    invariant,
    restarted({ name, disk }) {
      for (const { key, value } of disk.entries<Read>('scopes'))
        if (key[1] === 'progress') last.set(`${name} ${key[0]}`, value);
    },
    stored({ device, ops }) {
      for (const { table, key, value } of ops) {
        if (table !== 'scopes' || key[1] !== 'progress' || value === undefined) continue;
        const name = `${device.name} ${key[0]}`;
        const now = value as unknown as Read;
        const before = last.get(name);
        last.set(name, now);
        if (before?.checkpoint === now.checkpoint && before?.ended === now.ended) continue;
        if (now.ended || !now.opened) continue;
        if (before && !before.ended && before.checkpoint !== null && now.seq < before.seq)
          fail(invariant, `${device.name} went back from ${before.seq} to ${now.seq} in ${key[0]}.`);
        compare(device, key[0] ?? '', now.seq);
      }
    },
    ended(devices) {
      for (const device of devices)
        for (const { key, value } of device.disk.entries<Read>('scopes'))
          if (key[1] === 'progress' && !value.ended) compare(device, key[0] ?? '', value.seq);
    },
  };
};
