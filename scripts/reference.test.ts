import { readFile } from 'node:fs/promises';
import { liveBounds } from 'holdfast/realtime/bounds';
import { expect, test } from 'vitest';
import { errorReference, referenceFile } from './reference.ts';

test('the reference of errors is what the table says; npm run reference writes it anew', async () => {
  expect(await readFile(referenceFile, 'utf8')).toBe(errorReference());
});

test('the guide names each bound of live sockets, with its default', async () => {
  const guide = await readFile(new URL('../docs/guide.md', import.meta.url), 'utf8');
  const rows = [...guide.matchAll(/^\| (`[^|]+`) \| ([^|]+) \|/gm)].map(([, names, defaults]) => ({
    names: [...(names ?? '').matchAll(/\w+/g)].map(([name]) => name).filter((name) => name !== 'page'),
    defaults: (defaults ?? '').split(';').map((text) => numberIn(text.trim())),
  }));
  const { page, ...bounds } = liveBounds;
  for (const [name, value] of [...Object.entries(bounds), ...Object.entries(page)]) {
    const row = rows.find(({ names }) => names.includes(name));
    expect(row?.defaults[row.names.indexOf(name)], name).toBe(value);
  }
});

function numberIn(text: string): number {
  const number = Number(text.replace(' MiB', '').replaceAll(',', ''));
  return text.endsWith('MiB') ? number * 1_048_576 : number;
}
