// 11. Memory on server and replica is bounded by configuration, not by what peers send.

import type { ConflictEntry, Limits, VerdictEntry } from '@holdfast/core';
import type { Checker, Watched } from '../checker.ts';

export function bounded(limits: Limits): (watched: Watched) => Checker {
  return ({ fail }) => {
    const invariant = '11 bounded';
    const kept = new Map<string, { payloads: number; chars: number }>();
    /** `scope device` → its replicas there. */
    const replicas = new Map<string, Set<string>>();
    return {
      invariant,
      committed({ scope, writes }) {
        for (const { conflictsOpen } of [writes.scope])
          if (conflictsOpen > limits.conflictsOpenMax)
            fail(
              invariant,
              `${scope} has ${conflictsOpen} open conflicts, and may have ${limits.conflictsOpenMax}.`,
            );
        for (const { replica, device } of writes.replicas) {
          const known = replicas.get(`${scope} ${device}`) ?? new Set();
          replicas.set(`${scope} ${device}`, known.add(replica));
          if (known.size > limits.replicasPerDeviceMax)
            fail(invariant, `${device} has ${known.size} replicas in ${scope}.`);
        }
        for (const { id, mutations, state } of writes.conflicts)
          if (state === 'open' && mutations.length > limits.conflictMutationsMax)
            fail(invariant, `Conflict ${id} of ${scope} holds ${mutations.length} mutations.`);
        // No entry takes fewer than four characters, so a short text need not be read.
        for (const { touched } of writes.records)
          if (
            touched.length > 4 * limits.touchedFieldsMax &&
            Object.keys(JSON.parse(touched)).length > limits.touchedFieldsMax + 2
          )
            fail(
              invariant,
              `A record of ${scope} names more than ${limits.touchedFieldsMax} touched fields.`,
            );
        for (const { device, payload } of writes.quarantine) {
          if (payload === null) continue;
          const { payloads, chars } = kept.get(device) ?? { payloads: 0, chars: 0 };
          const now = { payloads: payloads + 1, chars: chars + JSON.stringify(payload).length };
          kept.set(device, now);
          if (now.payloads > limits.quarantinePerDeviceMax || now.chars > limits.quarantineCharsPerDeviceMax)
            fail(
              invariant,
              `The quarantine keeps ${now.payloads} payloads of ${device}, with ${now.chars} characters.`,
            );
        }
      },
      answered({ device, text, answer, recordsMax }) {
        if (!answer) return;
        const { records, verdicts, conflicts } = answer;
        if (records.length > Math.min(recordsMax || limits.pageRecordsDefault, limits.pageRecordsMax))
          fail(invariant, `${device} got a page of ${records.length} records.`);
        if (text.length > limits.pageCharsMax && records.length > 1) {
          // A tombstone has no body.
          const chars = (sum: number, { body }: { body?: object }) =>
            sum + (body ? JSON.stringify(body).length : 0);
          if (records.reduce(chars, 0) > limits.pageCharsMax)
            fail(
              invariant,
              `${device} got a page of ${records.length} records in ${text.length} characters.`,
            );
        }
        if (verdicts.length > limits.answerVerdictsMax + limits.batchMutationsMax)
          fail(invariant, `${device} got ${verdicts.length} verdicts in one answer.`);
        const chars = JSON.stringify(conflicts).length;
        if (chars > limits.pageCharsMax && !conflictsOfOne(verdicts, conflicts))
          fail(invariant, `${device} got ${conflicts.length} conflicts in ${chars} characters.`);
      },
    };
  };
}

/** What one verdict names is told together. */
function conflictsOfOne(
  verdicts: readonly VerdictEntry[],
  conflicts: readonly Pick<ConflictEntry, 'id'>[],
): boolean {
  return verdicts.some(({ conflicts: asked = [], exceptions = [] }) => {
    const named = new Set([...asked, ...exceptions.map(({ conflict }) => conflict)]);
    return conflicts.every(({ id }) => named.has(id));
  });
}
