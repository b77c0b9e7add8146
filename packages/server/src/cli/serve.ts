// The command `serve`: reads the config, serves until it is told to end, and says what is going on and what to try next.

import { existsSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import type { Schema } from '@holdfast/core';
import { protocolMarker } from '@holdfast/core';
import { unclaimedMax } from '../admin/admin.ts';
import { composeServer, type Overrides, type Started } from '../compose.ts';
import { type Config, type ConfigFlags, withFlags } from '../config.ts';
import type { ServedAuth } from '../identity/identity.ts';
import { type Chosen, chooseConfig } from './chosen-config.ts';
import { facts, printable, type Terminal } from './terminal.ts';
import { unclaimedLines } from './unclaimed.ts';

export interface ServeOptions extends ConfigFlags {
  /** Path of the config file. Default `holdfast.config.ts`. */
  config?: string;
  /** A preset's name, instead of a file. */
  preset?: string;
  /** Tells where it serves as one JSON value. */
  json?: boolean;
}

/** Resolves with the exit code when it was interrupted and has ended. Throws ConfigError or StartError when it cannot serve. */
export async function serve(
  options: ServeOptions,
  terminal: Pick<Terminal, 'print' | 'note' | 'catchInterrupt' | 'cwd'>,
  overrides: Overrides = {},
): Promise<number> {
  const flags =
    options.data === undefined ? options : { ...options, data: resolve(terminal.cwd, options.data) };
  const chosen = await chooseConfig(options, terminal.cwd);
  const config = withFlags(chosen.config, flags);
  // What the server writes is for its own user, also in a folder that others may enter.
  process.umask(0o077);
  const server = composeServer(config, overrides);
  const interrupt = terminal.catchInterrupt();
  const started = await server.start();
  const { url, urls, auth, firstAdmin } = started;
  const unclaimed = await started.store.read((snapshot) => snapshot.unclaimed(unclaimedMax));
  if (options.json)
    terminal.print(JSON.stringify({ url, urls, data: config.data, auth, unclaimed, firstAdmin }, null, 2));
  else terminal.print(welcome({ config, chosen, started, cwd: terminal.cwd, named: options }));
  for (const line of unclaimedLines(unclaimed)) terminal.note(`Not unique: ${printable(line)}.`);
  await interrupted(interrupt);
  terminal.note('Stopping: what was taken is answered first.');
  await server.stop();
  return 0;
}

function interrupted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((done) => signal.addEventListener('abort', () => done(), { once: true }));
}

interface Welcome {
  config: Config;
  chosen: Chosen;
  started: Started;
  cwd: string;
  named: ServeOptions;
}

function welcome(given: Welcome): string {
  const { config, started, chosen } = given;
  const [url = started.url, ...others] = started.urls;
  return [
    facts([
      ['Holdfast serves at', url],
      ...others.map((other): [string, string] => ['', other]),
      ['data', config.data],
      ['schema', `${chosen.from}, version ${config.schema.version}: ${collectionNames(config.schema)}`],
      ...Object.entries(config.protocols).map(([name, { prefix }]): [string, string] => [
        'protocol',
        `${name}${prefix === '' ? '' : `, below ${prefix}`}`,
      ]),
      ['auth', authWords(config, started.auth)],
    ]),
    '',
    ...firstAdminWords(given),
    'Try next, in another terminal:',
    ...tryNext(given).map((line) => `  ${line}`),
    '',
    'Ctrl-C ends it.',
  ].join('\n');
}

function collectionNames(schema: Schema): string {
  return [...schema.collections.keys()].join(', ');
}

function authWords({ host, jwt }: Config, auth: ServedAuth): string {
  if (auth === 'keys')
    return 'keys: every device needs one (npx holdfast keys add, npx holdfast devices enrol)';
  const own = 'jwt: users of this server log in (npx holdfast users add)';
  if (auth === 'jwt')
    return jwt === undefined ? own : `${own}; of another issuer’s token its holdfast_scopes say what it may`;
  const here = host === 'localhost' || /^127\.|^::1$/.test(host);
  return here
    ? 'none: every program on this machine may read and write, and nobody else'
    : 'none: every peer with a loopback or private address may read and write, and nobody else';
}

/** The one time that the password is told. */
function firstAdminWords({ started, named }: Welcome): string[] {
  const { firstAdmin } = started;
  if (!firstAdmin) return [];
  const { name, password } = firstAdmin;
  return [
    facts([
      ['First user', name],
      ['password', password],
    ]),
    'It is told this once, and only its hash is kept. Another one, also when this one was lost:',
    `  npx holdfast users password ${shellWord(name)}${placeFlags(named)}`,
    '',
  ];
}

/** Lines that work when they are copied. */
function tryNext(given: Welcome): string[] {
  const { config, started } = given;
  const pull = {
    protocol: protocolMarker,
    device: 'curl',
    replica: 'curl',
    scope: 'main',
    checkpoint: null,
    schema: config.schema.version,
    clock: { wall: 0, mono: 0, session: 'curl' },
    verdictsSeen: 0,
    seqSeen: 0,
  };
  const key = started.auth === 'none' ? '' : " -H 'authorization: Bearer KEY'";
  return [
    importLine(given),
    `curl -s ${started.url}/v1/exchange -H 'content-type: application/json'${key} -d '${JSON.stringify(pull)}'`,
  ];
}

/** With the table that lies beside the config under a collection's name, if there is one. */
function importLine({ config, chosen: { file }, cwd, named }: Welcome): string {
  const names = [...config.schema.collections.keys()];
  const folder = file === undefined ? cwd : dirname(file);
  const beside = names.map((name) => ({ name, table: join(folder, `${name}.csv`) }));
  const found = beside.find(({ table }) => existsSync(table));
  const collection = found?.name ?? names[0] ?? 'COLLECTION';
  const table = found ? shellWord(relative(cwd, found.table)) : 'FILE.csv';
  return `npx holdfast import ${table} --collection ${collection}${placeFlags(named)}`;
}

/** By which another command finds the same data. */
function placeFlags(named: ServeOptions): string {
  return (['config', 'preset', 'data', 'store'] as const)
    .map((flag) => (named[flag] === undefined ? '' : ` --${flag} ${shellWord(named[flag])}`))
    .join('');
}

function shellWord(text: string): string {
  return /^[\w./@:+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
