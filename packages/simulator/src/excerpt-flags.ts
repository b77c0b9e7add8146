// An excerpt of a seed as it is typed, and as a shortened run tells how to see it again:
//
//   --until 7163  --devices d0,d2  --servers 1  --acts d0:3,d2:5-9  --faults delay,lose_reply:d0,crash_server:s0@4711.204

import type { Excerpt } from './excerpt.ts';
import { faultKinds } from './faults.ts';
import type { Profile } from './profile.ts';

export interface ExcerptFlags {
  until?: number;
  devices?: string;
  servers?: number;
  acts?: string;
  faults?: string;
}

/** Throws ExcerptError. */
export function readExcerpt({ until, devices, servers, acts, faults }: ExcerptFlags): Excerpt {
  return {
    ...(until === undefined ? {} : { untilMs: until }),
    ...(devices === undefined ? {} : { devices: new Set(itemsOf(devices).map(readDevice)) }),
    ...(servers === undefined ? {} : { servers }),
    ...(acts === undefined ? {} : { acts: new Set(itemsOf(acts).flatMap(readAct)) }),
    ...(faults === undefined ? {} : { faults: new Set(itemsOf(faults).flatMap(readFault)) }),
  };
}

/** Throws ExcerptError when the seed does not have what it names. */
export function checkExcerpt(
  { devices, servers = 1 }: Excerpt,
  seed: Pick<Profile, 'devices' | 'servers'>,
): void {
  const missing = [...(devices ?? [])].find((name) => !seed.devices.includes(name));
  if (missing !== undefined)
    throw new ExcerptError(`This seed has no device ${missing}: it has ${seed.devices.join(', ')}.`);
  if (devices?.size === 0) throw new ExcerptError('One device at least must be left.');
  if (servers > seed.servers)
    throw new ExcerptError(`This seed has no ${servers} servers: it has ${seed.servers}.`);
}

/** The words that give this excerpt again. */
export function flagsOf({ untilMs, devices, servers, acts, faults }: Excerpt): string[] {
  return [
    ...(untilMs === undefined ? [] : ['--until', String(untilMs)]),
    ...(devices ? ['--devices', listOf(devices)] : []),
    ...(servers === undefined ? [] : ['--servers', String(servers)]),
    ...(acts ? ['--acts', listOf(acts)] : []),
    ...(faults ? ['--faults', listOf(faults)] : []),
  ];
}

/** What was typed names nothing that a seed has. */
export class ExcerptError extends Error {
  override readonly name = 'ExcerptError';
}

/** More numbers than any person's acts. */
const numberMax = 1_000_000;
const rangeMax = 100_000;

function itemsOf(text: string): string[] {
  if (text === 'none') return [];
  return text.split(',').map((item) => item.trim());
}

function readDevice(item: string): string {
  if (/^d\d$/.test(item)) return item;
  throw new ExcerptError(`There is no device ${quoted(item)}: devices are d0, d1 and so on.`);
}

function readAct(item: string): string[] {
  const [, device, from, to] = /^(d\d):(\d{1,7})(?:-(\d{1,7}))?$/.exec(item) ?? [];
  if (device === undefined || from === undefined)
    throw new ExcerptError(`${quoted(item)} is no act: acts are d0:3, or d0:3-9 for several.`);
  return numbersOf(item, from, to).map((n) => `${device}:${n}`);
}

function readFault(item: string): string[] {
  const [, kind, who, times = ''] =
    /^(\w+)(?::([\w.]+)((?:@\d+(?:\.\d{1,3})?(?:\+\d+)?)*))?$/.exec(item) ?? [];
  if (kind === undefined)
    throw new ExcerptError(
      `${quoted(item)} is no fault: faults are delay, delay:d0, delay:d0@17.204 or, for several times, delay:d0@17.204@30.`,
    );
  if (!faultKinds.some((known) => known === kind))
    throw new ExcerptError(`There is no fault ${quoted(kind)}. There are: ${faultKinds.join(', ')}.`);
  if (who === undefined) return [kind];
  if (!/^([ds]\d|servers)(\.\w+)?$/.test(who))
    throw new ExcerptError(
      `${quoted(item)}: a fault strikes a device (d0), a server (s0) or all servers (servers).`,
    );
  const [, ...each] = times.split('@');
  return each.length === 0 ? [`${kind}:${who}`] : each.map((time) => `${kind}:${who}@${time}`);
}

function numbersOf(item: string, from: string, to = from): number[] {
  const [first, last] = [Number(from), Number(to)];
  if (last >= first && last <= numberMax && last - first < rangeMax)
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  throw new ExcerptError(`${quoted(item)} is no range: it goes up from its first number.`);
}

function quoted(text: string): string {
  return `“${text.slice(0, 40)}”`;
}

/** In order; acts as ranges where their numbers follow one another, the times of a fault behind one another; `none` for nothing. */
function listOf(names: ReadonlySet<string>): string {
  if (names.size === 0) return 'none';
  const items: string[] = [];
  const numbers = new Map<string, number[]>();
  const times = new Map<string, string>();
  for (const name of names) {
    const [, group = name, n, time] = /^([^@]*?)(?::(\d+)|(@.+))?$/.exec(name) ?? [];
    if (n !== undefined) numbers.set(group, [...(numbers.get(group) ?? []), Number(n)]);
    else if (time !== undefined) times.set(group, `${times.get(group) ?? ''}${time}`);
    else items.push(name);
  }
  for (const [group, all] of numbers) items.push(...rangesOf(all).map((range) => `${group}:${range}`));
  for (const [group, all] of times) items.push(`${group}${all}`);
  return items.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).join(',');
}

function rangesOf(numbers: readonly number[]): string[] {
  const ranges: [number, number][] = [];
  for (const n of [...numbers].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last && n === last[1] + 1) last[1] = n;
    else ranges.push([n, n]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`));
}
