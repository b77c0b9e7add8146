// Versions, clock and port as the doctor sees them.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { checkClock, checkPort, checkVersions } from './machine.ts';

test('versions that are too old are a problem', () => {
  const state = (node: string, sqlite: string) => checkVersions({ holdfast: '1', node, sqlite })[0]?.state;
  expect(state('26.1.0', '3.51.3')).toBe('ok');
  expect(state('26.1.0', '3.60')).toBe('ok');
  expect(state('26.1.0', '3.51.2')).toBe('problem');
  expect(state('22.9.0', '3.60.0')).toBe('problem');
});

test('a clock is judged by when this version was made, and by the newest commit', () => {
  const now = Date.UTC(2027, 5, 1);
  expect(checkClock(now, now - 1_000).state).toBe('ok');
  expect(checkClock(now, now + 60_000).state).toBe('ok');
  expect(checkClock(now, now + 3_600_000)).toMatchObject({
    state: 'problem',
    message: expect.stringContaining('newest commit'),
  });
  expect(checkClock(0, 0).state).toBe('problem');
  expect(checkClock(Date.UTC(2099, 0, 1), 0).state).toBe('problem');
});

test('a port is free, taken, or cannot be had', async () => {
  const holder = createServer();
  holder.listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as { port: number };
  expect(await checkPort({ host: '127.0.0.1', port })).toMatchObject({
    state: 'problem',
    message: expect.stringContaining(String(port)),
  });
  holder.close();
  await once(holder, 'close');
  expect((await checkPort({ host: '127.0.0.1', port })).state).toBe('ok');
  expect((await checkPort({ host: '127.0.0.1', port: 0 })).state).toBe('ok');
  expect((await checkPort({ host: '192.0.2.1', port })).state).toBe('problem');
});
