// Each row of docs/coming-from.md that maps a call of an existing system to ours, run as it stands against a real server.
//
//   | before                     | now                       | answers     |
//   | `performFullSync()`        | `await shop.sync()`       | `pushed: 1` |
//
// The rows and the blocks of a section are one program, in their order. What stands last in `now` is what `answers` says.
// A row without code says why there is none. One that calls a hook does so in a component below the provider of `scope`.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ServerProcess, startServer } from '../packages/server/src/cli/server-process.fixture.ts';
import { atHome, blocksOf, configOf, runModule } from './example.fixture.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
let folder: string;
let server: ServerProcess | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-coming-from-'));
});
afterEach(async () => {
  await server?.end();
  await rm(folder, { recursive: true, force: true });
});

/** The calls that the clients of each system make. */
const calls: Record<string, readonly string[]> = {
  terminal: [
    'new CentralApiService(url, apiKey)',
    'new SyncService(localDb, centralApi, {',
    'batchSize',
    'maxRetries',
    'retryDelay',
    'syncInterval',
    'conflictStrategy',
    'initialize(terminalId)',
    'performFullSync()',
    'performIncrementalSync()',
    'localDb.outbox.create({',
    'syncPriority',
    'createdInMode',
    'localDb.syncHistory.findMany({',
    'DATABASE_URL',
    'CENTRAL_API_URL',
    'CENTRAL_API_KEY',
    'the heartbeat',
    'sync:trigger',
    'logger',
  ],
  pos: [
    'SyncService(httpClient, localStorage, deviceId, baseUrl)',
    'initialize()',
    'saveOrderForSync(order)',
    'syncState',
    'getSyncStats()',
    'pendingOrders',
    'syncedOrders',
    'failedOrders',
    'lastSyncTimestamp',
    'syncWithServer()',
    'markAsSynced',
    'markAsFailed',
    'API_BASE_URL',
    'DEVICE_ID',
    'SYNC_INTERVAL_SECONDS',
  ],
  documents: [
    'syncManager.initialize({ serverUrl, userId, deviceId, autoConnect })',
    'addData(collection, document)',
    'updateData',
    'deleteData',
    'useSyncedAppointments()',
  ],
  crm: [
    'databaseService.insert(store, record)',
    'databaseService.update',
    'databaseService.delete',
    'databaseService.get',
    'syncService.sync()',
    'useDatabase',
    'OfflineContext',
    'SyncContext',
  ],
};

test.each(Object.keys(calls))(
  'every row of %s does what it says',
  async (name) => {
    const section = await sectionOf(name);
    const config = join(folder, 'holdfast.config.ts');
    await writeFile(config, configOf(section));
    server = await startServer({ data: join(folder, 'data'), config });
    const parts = partsOf(section);
    const output = await runModule(folder, atHome([prelude, ...parts.map(programOf)].join('\n'), server.url));
    for (const [at, part] of parts.entries()) {
      if (part.type !== 'row' || part.code === undefined) continue;
      const [, printed = ''] = output.split(markOf(at));
      expect(printed.split(endMark)[0]?.trim(), part.before).toBe(part.answers);
    }
  },
  60_000,
);

test.each(Object.entries(calls))('%s: no call is left out', async (name, wanted) => {
  const rows = partsOf(await sectionOf(name)).filter((part) => part.type === 'row');
  const before = rows.map((row) => row.before).join('\n');
  expect(wanted.filter((call) => !before.includes(call))).toEqual([]);
  for (const row of rows) expect(row.now, row.before).not.toBe('');
});

type Part = { type: 'block'; at: number; code: string } | Row;

interface Row {
  type: 'row';
  at: number;
  before: string;
  now: string;
  answers: string;
  /** Absent: the row says why there is nothing to run. */
  code?: string | undefined;
}

async function sectionOf(name: string): Promise<string> {
  const text = await readFile(join(root, 'docs/coming-from.md'), 'utf8');
  const [, own = ''] = text.split('\n## The application’s own client\n');
  const [, section = ''] = own.split(`\n### ${name}\n`);
  return section.split(/\n##/)[0] ?? '';
}

/** Blocks and rows in the order in which they stand. */
function partsOf(section: string): Part[] {
  const blocks = blocksOf(section).map((code): Part => ({ type: 'block', at: section.indexOf(code), code }));
  const rows = [...section.matchAll(/^\| (.*) \| (.*) \| (.*) \|$/gm)].flatMap((match): Row[] => {
    const [, before = '', now = '', answers = ''] = match;
    if (before === 'before' || before.startsWith('---')) return [];
    const code = /^`([^`]+)`$/.exec(now)?.[1];
    return [{ type: 'row', at: match.index, before, now, answers: answers.replaceAll('`', ''), code }];
  });
  return [...blocks, ...rows].sort((a, b) => a.at - b.at);
}

const rendering = pathToFileURL(join(root, 'packages/react/src/in-component.fixture.ts')).href;
const page = pathToFileURL(join(root, 'packages/client/src/browser/page.fixture.ts')).href;
const prelude = `
import { inspect } from 'node:util';
import '${page}';
import { inComponent } from '${rendering}';
const rendered = async (hook) => {
  const component = await inComponent({ hook, ScopeProvider, scope });
  let latest = await component.latest();
  while ([latest].flat().includes(undefined)) latest = await component.latest();
  await component.unmount();
  return latest;
};
const shown = (value) => (typeof value === 'string' ? value : inspect(value, { breakLength: Infinity }));
`;
const endMark = '--- end of row';
const markOf = (at: number): string => `--- row ${at}\n`;

/** Statements are divided by `; `, and the last is what is shown. */
function programOf(part: Part, at: number): string {
  if (part.type === 'block') return part.code;
  if (part.code === undefined) return '';
  const statements = part.code.split('; ');
  const last = statements.pop() ?? '';
  return [
    ...statements.map((one) => `${one};`),
    `console.log(${JSON.stringify(markOf(at).trimEnd())});`,
    `console.log(shown(${/\buse[A-Z]\w*\(/.test(last) ? `await rendered(() => ${last})` : last}));`,
    `console.log(${JSON.stringify(endMark)});`,
  ].join('\n');
}
