// Log files on a real disk. Closing them waits for what was written.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLog, type Log } from './log.ts';
import { createLogFiles, type LogFileBounds, type LogFiles, logFileBounds } from './log-files.ts';

let data: string;
let nowMs: number;
let files: LogFiles;
let terminal: string[];
let faults: PromiseWithResolvers<unknown>;

beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'holdfast-log-'));
  nowMs = 0;
  terminal = [];
  faults = Promise.withResolvers();
});
afterEach(async () => {
  await files.close();
  rmSync(data, { recursive: true, force: true });
});

const clock = { wallMs: () => 7, monoMs: () => nowMs };

function open(bounds: Partial<LogFileBounds> = {}): Log {
  files = createLogFiles({
    folder: join(data, 'logs'),
    clock,
    failed: (error) => faults.resolve(error),
    bounds: { ...logFileBounds, ...bounds },
  });
  return createLog({ level: 'info', clock, write: (line) => terminal.push(line), files });
}

const lines = (name: string): string[] =>
  readFileSync(join(data, 'logs', name), 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { msg: string }).msg);

test('everything that the level lets through is in one file, errors again in the other, and all on the terminal', async () => {
  const log = open();
  log.debug('nobody looks');
  log.info('served');
  log.error({ error: new Error('x') }, 'broke');
  log.child({ request: 'r' }).fatal('ends');
  await files.close();
  expect(lines('combined.log')).toEqual(['served', 'broke', 'ends']);
  expect(lines('error.log')).toEqual(['broke', 'ends']);
  expect(terminal.join('')).toBe(readFileSync(join(data, 'logs', 'combined.log'), 'utf8'));
  expect(statSync(join(data, 'logs')).mode & 0o777).toBe(0o700);
  expect(statSync(join(data, 'logs', 'error.log')).mode & 0o777).toBe(0o600);
});

test('a server that starts again writes on, and without a line there is no file', async () => {
  open().info('first');
  await files.close();
  open().info('second');
  await files.close();
  expect(lines('combined.log')).toEqual(['first', 'second']);
  expect(readdirSync(join(data, 'logs'))).toEqual(['combined.log']);
});

test('once opened, both are there before the first line', async () => {
  open();
  files.open();
  await files.close();
  expect(readdirSync(join(data, 'logs')).sort()).toEqual(['combined.log', 'error.log']);
});

test('a file that is full becomes an old one, and the oldest go', async () => {
  const log = open({ fileBytesMax: 1_000, oldFilesMax: 2 });
  const padding = 'x'.repeat(450);
  for (let n = 0; n < 9; n += 1) log.info({ padding }, `line ${n}`);
  await files.close();
  expect(readdirSync(join(data, 'logs')).sort()).toEqual([
    'combined.log',
    'combined.log.1',
    'combined.log.2',
  ]);
  expect(lines('combined.log.2')).toEqual(['line 4', 'line 5']);
  expect(lines('combined.log.1')).toEqual(['line 6', 'line 7']);
  expect(lines('combined.log')).toEqual(['line 8']);
});

test('a file that cannot be written stops nobody, and is tried again later', async () => {
  const log = open();
  const inTheWay = join(data, 'logs', 'combined.log');
  mkdirSync(inTheWay, { recursive: true });
  log.error('first');
  expect(await faults.promise).toBeInstanceOf(Error);
  rmdirSync(inTheWay);
  log.info('too soon');
  nowMs += 30_000;
  log.info('later');
  await files.close();
  expect(lines('combined.log')).toEqual(['later']);
  expect(lines('error.log')).toEqual(['first']);
  expect(terminal).toHaveLength(3);
});

test('where the folder cannot be made, lines go to the terminal alone', async () => {
  rmSync(data, { recursive: true });
  open().error('first');
  expect(terminal).toHaveLength(1);
  expect(await faults.promise).toMatchObject({ code: 'ENOENT' });
});

test('what a slow disk leaves waiting is bounded', async () => {
  const log = open({ waitingBytesMax: 2_000 });
  for (let n = 0; n < 100; n += 1) log.info(`line ${n}`);
  await files.close();
  expect(lines('combined.log').length).toBeGreaterThan(9);
  expect(lines('combined.log').length).toBeLessThan(60);
  expect(terminal).toHaveLength(100);
});
