// The record of all workloads, some 220 bytes of JSON; the clock by which processes of one machine compare times; and the memory
// that a process has had.

import { readFileSync } from 'node:fs';
import { defineSchema, z } from 'holdfast';

export interface Item {
  id: string;
  name: string;
  sku: string;
  qty: number;
  price: number;
  supplierId: string;
  updatedAt: number;
  notes: string;
}

export const schema = defineSchema({
  version: 1,
  collections: {
    items: {
      kind: 'request',
      fields: z.object({
        name: z.string(),
        sku: z.string(),
        qty: z.number(),
        price: z.number(),
        supplierId: z.string(),
        updatedAt: z.number(),
        notes: z.string(),
      }),
    },
  },
});

export function itemOf(n: number, updatedAt = 1_764_000_000_000): Item {
  const digits = String(n).padStart(8, '0');
  return {
    id: `item-${digits}`,
    name: `Item ${digits}`,
    sku: `SKU-${digits}`,
    qty: n % 1_000,
    price: (n % 10_000) / 100,
    supplierId: `supplier-${n % 100}`,
    updatedAt,
    notes: `${digits} `.padEnd(80, 'lorem ipsum dolor '),
  };
}

/** Milliseconds of the machine's monotonic clock, which all of its processes share. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Resolves at that moment, or now when it is past. */
export function untilMs(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms - machineMs())));
}

/**
 * The most physical memory that this process has had, in bytes. What the system says of a process as a resource counts that of the
 * process that started it, too; where there is something better, it is read there.
 */
export function peakBytes(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1_024;
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1_024;
}

/** What a load does first is not counted: it is that of programs that have just begun. */
export const warmUpMs = 2_000;
