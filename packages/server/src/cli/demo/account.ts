// Whether everything adds up at the end: pure, so that a test can break each part of it.

import type { VerdictName } from '@holdfast/core';
import type { DeviceName, Write } from './story.ts';

/** A mutation that a device has acknowledged: its promise has resolved. */
export interface Acknowledged {
  mutation: string;
  device: DeviceName;
  says: string;
  writes: readonly Write[];
}

/** The records of one database as its SQL views show them: `collection/id` → columns. */
export type Records = ReadonlyMap<string, Readonly<Record<string, unknown>>>;

export interface Evidence {
  ledger: readonly Acknowledged[];
  /** What the server's database says of each mutation. */
  judged: ReadonlyMap<string, { verdict: VerdictName; commits: number }>;
  /** Rejected mutations that the device has shown with their reason. */
  shown: ReadonlySet<string>;
  server: Records;
  devices: ReadonlyMap<DeviceName, Records>;
}

export interface Account {
  ok: boolean;
  acknowledged: number;
  verdicts: Readonly<Partial<Record<VerdictName, number>>>;
  databases: readonly { name: string; records: number; differences: readonly string[] }[];
  /** What was delivered less what was sold, against what the databases say. */
  stock: readonly { item: string; expected: number; found: number }[];
  /** Each of them in a sentence; none when everything adds up. */
  problems: readonly string[];
}

export function settleAccount(evidence: Evidence): Account {
  const { ledger, judged, server, devices } = evidence;
  const databases = [...devices].map(([name, records]) => ({
    name,
    records: records.size,
    differences: differences(server, records),
  }));
  const stock = stockOf(evidence);
  const problems = [
    ...ledger.flatMap((entry) => problemOf(entry, evidence)),
    ...databases.flatMap(({ name, differences }) =>
      differences.map((difference) => `The ${name}: ${difference}.`),
    ),
    ...stock
      .filter(({ expected, found }) => expected !== found)
      .map(({ item, expected, found }) => `Of ${item} there should be ${expected}, and there are ${found}.`),
  ];
  const verdicts: Partial<Record<VerdictName, number>> = {};
  for (const { mutation } of ledger) {
    const verdict = judged.get(mutation)?.verdict;
    if (verdict) verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
  }
  return {
    ok: problems.length === 0,
    acknowledged: ledger.length,
    verdicts,
    databases: [{ name: 'server', records: server.size, differences: [] }, ...databases],
    stock,
    problems,
  };
}

function problemOf({ mutation, device, says, writes }: Acknowledged, { judged, shown }: Evidence): string[] {
  const what = `“The ${device} ${says}”`;
  const found = judged.get(mutation);
  if (!found) return [`${what} was acknowledged, and the server does not know it.`];
  const { verdict, commits } = found;
  if (verdict === 'rejected')
    return shown.has(mutation) ? [] : [`${what} was rejected, and nobody was shown why.`];
  if (verdict === 'waiting' || verdict === 'conflict') return [`${what} is still not settled.`];
  // The effect of a person's answer is that of what it was about.
  return commits !== 1 && writes.length > 0 ? [`${what} was applied ${commits} times.`] : [];
}

function differences(server: Records, device: Records): string[] {
  const keys = [...new Set([...server.keys(), ...device.keys()])].sort();
  return keys.flatMap((key) => {
    const [there, here] = [server.get(key), device.get(key)];
    if (!there) return [`${key} is not on the server`];
    if (!here) return [`${key} is missing`];
    const columns = [...new Set([...Object.keys(there), ...Object.keys(here)])].sort();
    return columns
      .filter((column) => there[column] !== here[column])
      .map((column) => `${key} differs in ${column}: ${here[column]} here, ${there[column]} on the server`);
  });
}

function stockOf({ ledger, judged, server }: Evidence): { item: string; expected: number; found: number }[] {
  const expected = new Map<string, number>();
  for (const { mutation, writes } of ledger) {
    if (judged.get(mutation)?.verdict === 'rejected') continue;
    for (const write of writes) {
      if (write.collection !== 'items' || write.type === 'patch') continue;
      const amount =
        write.type === 'put' ? Number(write.fields.quantity ?? 0) : (write.amounts.quantity ?? 0);
      expected.set(write.id, (expected.get(write.id) ?? 0) + amount);
    }
  }
  return [...expected].map(([item, amount]) => ({
    item,
    expected: amount,
    found: Number(server.get(`items/${item}`)?.quantity ?? 0),
  }));
}
