// Commands with a preset instead of a config file.

import { existsSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createWorkplace, end, type Workplace } from './commands.fixture.ts';

let at: Workplace;
beforeAll(async () => {
  at = await createWorkplace();
});
afterAll(() => at.close());

const preset = ['--preset', 'hims'];

test('a preset serves without a config file, and other commands find its database', async () => {
  const server = await at.serve([...preset, '--host', '127.0.0.1', '--no-discovery', '--data', 'hims']);
  const there = ['--data', 'hims', ...preset];
  const running = await at.json(['status', ...there]);
  expect(running).toMatchObject({ running: { pid: server.pid }, databaseBytes: expect.any(Number) });
  const { url } = running.running as { url: string };
  for (const path of ['/healthz', '/readyz']) expect((await fetch(`${url}${path}`)).status).toBe(200);
  expect((await at.run(['backup', 'copy.db', ...there])).exit).toBe(0);
  expect(await end(server, 'SIGTERM')).toBe(0);
  expect(existsSync(at.path('hims/hims_master.db'))).toBe(true);
  expect(existsSync(at.path('hims/holdfast.db'))).toBe(false);

  const { databaseBytes } = await at.json<{ databaseBytes: number }>(['status', ...there]);
  expect(databaseBytes).toBeGreaterThan(0);
  const { findings } = await at.json<{ findings: { check: string; message: string }[] }>([
    'doctor',
    ...there,
  ]);
  expect(findings.find(({ check }) => check === 'database')?.message).not.toContain('none yet');
  const { database, aside } = await at.json(['restore', 'copy.db', ...there]);
  expect([database, aside]).toEqual([
    at.path('hims/hims_master.db'),
    expect.stringContaining('hims/hims_master-'),
  ]);
});

test('a preset and a config file are one too many', async () => {
  const { exit, err } = await at.run(['status', ...preset, '--config', 'holdfast.config.ts']);
  expect(exit).toBe(2);
  expect(err).toContain('--preset and --config');
});

test('an unknown preset is told with those that there are', async () => {
  const { exit, err } = await at.run(['serve', '--preset', 'nobody']);
  expect(exit).toBe(1);
  expect(err).toMatch(/no preset nobody[\s\S]*hims[\s\S]*documents[\s\S]*pos/);
});
