// 5. Replicas at the same checkpoint with empty outboxes are identical.

import type { DeviceView, MakeChecker } from '../checker.ts';
import { sorted } from '../history.ts';

export const replicasAgree: MakeChecker = ({ fail }) => {
  const invariant = '5 replicas agree';
  return {
    invariant,
    ended(devices) {
      const seen = new Map<string, { device: string; state: string }>();
      for (const device of devices) {
        for (const { key, value } of device.disk.entries<{ seq: number; ended: boolean }>('scopes')) {
          const [scope = '', part] = key;
          const { seq, ended } = value;
          if (part !== 'progress' || ended || device.disk.entries('outbox', [scope]).length > 0) continue;
          const state = stateOf(device, scope);
          const other = seen.get(`${scope} ${seq}`);
          if (other && other.state !== state)
            fail(
              invariant,
              `${device.name} and ${other.device} differ in ${scope} at ${seq}:\n${state}\n${other.state}`,
            );
          seen.set(`${scope} ${seq}`, { device: device.name, state });
        }
      }
    },
  };
};

function stateOf(device: DeviceView, scope: string): string {
  return device.disk
    .entries('records', [scope])
    .map(({ key, value }) => `${key[1]}/${key[2]} ${JSON.stringify(sorted(value))}`)
    .sort()
    .join('\n');
}
