// The version under which this package was published: read once, from its package.json.

import { readFileSync } from 'node:fs';

export const version: string = readVersion();

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
