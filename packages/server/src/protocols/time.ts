// Times as clients of existing systems write them: ISO 8601, in UTC where no offset is named.

// Fractions beyond the millisecond are cut off. A space for the T is what SQLite's own functions print.
const shape =
  /^(\d{4}-\d{2}-\d{2})(?:[Tt ]((?:[01]\d|2[0-3]):[0-5]\d)(?::([0-5]\d)(?:[.,](\d{1,9}))?)?\s?([Zz]|[+-]\d{2}(?::?\d{2})?)?)?$/;

/** Milliseconds since 1970; undefined for what is no time. */
export function readTimeMs(text: string): number | undefined {
  const [, date, minutes = '00:00', seconds = '00', fraction = '', offset = 'Z'] = shape.exec(text) ?? [];
  if (date === undefined || !isDay(date)) return undefined;
  const ms = Date.parse(`${date}T${minutes}:${seconds}.${fraction.slice(0, 3).padEnd(3, '0')}Z`);
  const ahead = offsetMs(offset);
  return ahead === undefined ? undefined : ms - ahead;
}

/** As these clients read it. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

/**
 * What a reader of an empty scope goes on from: the time that it came with. One that is still to come would skip what is written until
 * then; such a reader begins at the beginning.
 */
export function stampOfNothing(since: number, nowMs: number): number {
  return since <= nowMs ? since : 0;
}

/** The 30th of February is none. */
function isDay(date: string): boolean {
  const ms = Date.parse(`${date}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(date);
}

function offsetMs(offset: string): number | undefined {
  if (/^z$/i.test(offset)) return 0;
  const hours = Number(offset.slice(1, 3));
  const minutes = Number(offset.slice(3).replace(':', '') || '0');
  if (hours > 23 || minutes > 59) return undefined;
  return (offset.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}
