// 1. An acknowledged mutation survives any crash of the server or the device.
//
// Acknowledged by the device: the write resolved. It must then be on the disk (outbox or quarantine) or known to the server.
// Acknowledged by the server: a verdict reached a device. The server must then know the mutation for ever.

import type { Mutation } from '@holdfast/core';
import type { Checker, DeviceView, MakeChecker } from '../checker.ts';

export const acknowledgedSurvives: MakeChecker = ({ history, fail }): Checker => {
  const invariant = '1 acknowledged survives';
  const check = (device: DeviceView): void => {
    const kept = new Set<string>();
    for (const table of ['outbox', 'quarantine'] as const)
      for (const { value } of device.disk.entries<{ mutation: Mutation }>(table)) kept.add(value.mutation.id);
    for (const id of device.accepted) {
      if (kept.has(id) || device.givenUp.has(id)) continue;
      const made = history.made.get(id);
      if (made && history.scope(made.scope).verdicts.has(id)) continue;
      fail(invariant, `${device.name} has lost the mutation ${id}, whose write had resolved.`);
    }
  };
  return {
    invariant,
    restarted: check,
    answered({ device, scope, answer }) {
      const known = history.scope(scope).verdicts;
      for (const { mutation } of answer?.verdicts ?? [])
        if (!known.has(mutation))
          fail(invariant, `${device} was told a verdict on ${mutation}, which no store has committed.`);
    },
    ended: (devices) => {
      for (const device of devices) check(device);
    },
  };
};
