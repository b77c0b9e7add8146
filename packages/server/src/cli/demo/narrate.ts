// The demo's words: what happened, as a person reads it. Pure; colours are marks that the terminal gets or not.

import type { Change, Json, JsonObject, StoredConflict } from '@holdfast/core';
import { countText } from '../terminal.ts';
import type { Account } from './account.ts';
import type { Happening, Judged, Refused } from './happening.ts';
import { schema } from './schema.ts';
import { type DeviceName, people } from './story.ts';

/** How the parts of a line are set off. */
export interface Ink {
  title(text: string): string;
  name(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  faint(text: string): string;
}

const controlBegin = '\u001b[';
const paint =
  (code: number) =>
  (text: string): string =>
    `${controlBegin}${code}m${text}${controlBegin}0m`;
const plain = (text: string): string => text;

export const colours: Ink = {
  title: paint(1),
  name: paint(36),
  good: paint(32),
  bad: paint(31),
  faint: paint(2),
};
export const noColours: Ink = { title: plain, name: plain, good: plain, bad: plain, faint: plain };

export function tell(happening: Happening, ink: Ink): string[] {
  switch (happening.type) {
    case 'said':
      return wrapped(happening.text, 78, '');
    case 'wrote':
      return acting(happening.device, `${happening.says}.`, ink);
    case 'showed':
      return wrapped(
        `${capital(listed(happening.devices.map(nameOf)))} show it at once: the server tells them, nobody has to ask.`,
        78,
        '',
      );
    case 'unplugged':
      return [ink.bad('The network is cut.')];
    case 'plugged':
      return [
        ...acting(happening.device, 'is back.', ink),
        ...tellJudged(happening.judged, ink),
        ...happening.refused.flatMap((refused) => tellRefused(refused, ink)),
      ];
    case 'killed':
      return acting(
        happening.device,
        `comes back, and is killed (SIGKILL) while it sends: half of a request is on the line. Of its ${countText(happening.sent, 'change')} the server has ${happening.arrived}.`,
        ink,
      );
    case 'restarted':
      return [
        ...acting(
          happening.device,
          `starts again. Its file still holds all ${happening.pending} that were acknowledged; it sends them.`,
          ink,
        ),
        ...tellJudged(happening.judged, ink),
      ];
    case 'cut':
      return acting(
        happening.device,
        `comes back and sends its ${countText(happening.sent, 'change')}. The server has stored ${happening.arrived}, but the answer is cut off: the ${happening.device} counts ${happening.open} as open. It will send them again, and they count once.`,
        ink,
      );
    case 'agreed':
      return [ink.good('Server and devices agree.')];
    case 'conflicts':
      return happening.conflicts.flatMap((conflict) => tellConflict(conflict, ink));
    case 'decided':
      return [
        ...acting(happening.device, `${happening.says}.`, ink),
        ...tellConflict(happening.conflict, ink),
      ];
  }
}

function tellJudged(judged: readonly Judged[], ink: Ink): string[] {
  const words = judged.map(({ verdict }) => verdict);
  const counts = [...new Set(words)].map(
    (word) => `${words.filter((other) => other === word).length} ${word}`,
  );
  const flagged = judged.flatMap(({ says, reasons }) =>
    reasons.map((reason) => `flagged: “${says}”: ${reason} It has happened, so it stands.`),
  );
  return [
    ...(counts.length > 0 ? [`   ${ink.good('verdicts')}  ${counts.join(', ')}`] : []),
    ...flagged.flatMap((line) => wrapped(line, 70, '             ')),
  ];
}

function tellRefused({ says, message, help }: Refused, ink: Ink): string[] {
  return wrapped(`${ink.bad('rejected')}: “${says}”. ${message} ${help}`, 70, '             ');
}

function tellConflict(conflict: StoredConflict, ink: Ink): string[] {
  const { id, collection, record, fields, base, server, changes, device, settlement } = conflict;
  const side = (words: string, value: Json | undefined): string =>
    `   ${words.padEnd(16)} ${valueText(value)}`;
  return fields.flatMap((field) => [
    ink.name(`Conflict ${id}: ${collection} ${record}, ${field}`),
    side('both had seen', base[field]),
    side('the server has', server?.[field]),
    side(`the ${device} says`, valueIn(changes, field)),
    settlement
      ? `   ${ink.good('settled'.padEnd(16))} ${valueText(settlement.after?.[field])}  ${ink.faint(howSettled(conflict, field))}`
      : `   ${ink.bad('open'.padEnd(16))} a person has to decide; until then the server’s value stands`,
  ]);
}

function howSettled({ collection, settlement }: StoredConflict, field: string): string {
  if (settlement?.by === 'person') return 'a person has decided';
  const policy = schema.collections.get(collection)?.fieldPolicies.get(field);
  return `policy “${policy}”: ${policy === 'union' ? 'both are kept' : 'what the server has stays'}`;
}

/** What the device's changes say of a field. */
function valueIn(changes: readonly Change[], field: string): Json | undefined {
  return changes
    .map(
      (change): JsonObject =>
        change.type === 'put' ? change.body : change.type === 'patch' ? (change.set ?? {}) : {},
    )
    .findLast((values) => field in values)?.[field];
}

export function tellAccount(
  { acknowledged, verdicts, databases, stock, problems, ok }: Account,
  ink: Ink,
): string[] {
  const parts = Object.entries(verdicts).map(([verdict, count]) => `${count} ${verdict}`);
  return [
    `acknowledged by the devices  ${acknowledged}`,
    `the server’s verdicts        ${parts.join(' + ')}`,
    ...stock.map(
      ({ item, expected, found }) =>
        `stock of ${item}`.padEnd(29) +
        `${found}${found === expected ? '' : `, and it should be ${expected}`}`,
    ),
    ...databases.map(
      ({ name, records, differences }) =>
        `database of the ${name}`.padEnd(29) +
        `${countText(records, 'record')}${name === 'server' ? '' : differences.length === 0 ? ', identical' : `, ${countText(differences.length, 'difference')}`}`,
    ),
    ...problems.map((problem) => ink.bad(problem)),
    ok
      ? ink.good('Everything adds up. Nothing that was acknowledged is lost, and nothing counts twice.')
      : ink.bad('It does not add up.'),
  ];
}

function acting(device: DeviceName, text: string, ink: Ink): string[] {
  const [first = '', ...others] = wrapped(text, 66, '');
  return [` ${ink.name(device.padEnd(7))} ${first}`, ...others.map((line) => `         ${line}`)];
}

function nameOf(device: DeviceName): string {
  return people[device].name;
}

function valueText(value: Json | undefined): string {
  if (value === undefined || value === null) return 'nothing';
  return Array.isArray(value) ? value.join(', ') : String(value);
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Lines of at most so many characters, colours not counted exactly: they are short. */
function wrapped(text: string, width: number, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && `${line} ${word}`.length > width) {
      lines.push(indent + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, indent + line];
}
