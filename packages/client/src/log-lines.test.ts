// What the sync loop says in the application's log.

import { expect, test } from 'vitest';
import { refusal } from './fake-server.fixture.ts';
import type { LogFacts, Logger } from './log-lines.ts';
import { openBench } from './replica.fixture.ts';

function listen(): { logger: Logger; lines: [string, string, LogFacts][] } {
  const lines: [string, string, LogFacts][] = [];
  const level = (name: string) => (message: string, facts: LogFacts) => lines.push([name, message, facts]);
  return { lines, logger: { info: level('info'), warn: level('warn'), error: level('error') } };
}

test('a sync that moved something is told, one that did not is not', async () => {
  const { logger, lines } = listen();
  const { shop } = await openBench({ logger });
  await shop.items.put({ id: 'a', name: 'Apple' });
  await shop.sync();
  await shop.sync();
  expect(lines).toEqual([
    ['info', 'Synced shop-1.', { scope: 'shop-1', pushed: 1, pulled: 1, conflicts: 0, failed: 0 }],
  ]);
});

test('what the server refused is a warning', async () => {
  const { logger, lines } = listen();
  const { shop, server } = await openBench({ logger });
  server.judge = () => ({ verdict: 'rejected', code: 'unique_taken' });
  await shop.items.put({ id: 'a', name: 'Apple' });
  expect(await shop.sync()).toMatchObject({ ok: true, failed: 1 });
  expect(lines).toMatchObject([['warn', 'Synced shop-1.', { pushed: 1, failed: 1 }]]);
});

test('a failure is told once, and again when it is over', async () => {
  const { logger, lines } = listen();
  const { shop, server } = await openBench({ logger });
  server.hooks = [() => refusal(503, 'busy'), () => refusal(503, 'busy')];
  for (let turn = 0; turn < 3; turn += 1) await shop.sync();
  expect(lines.map(([level, , { code }]) => [level, code])).toEqual([
    ['warn', 'busy'],
    ['info', undefined],
  ]);
});

test('what does not end by itself is an error', async () => {
  const { logger, lines } = listen();
  const { shop, server } = await openBench({ logger });
  server.hooks = [() => refusal(401, 'unauthenticated')];
  await shop.sync();
  expect(lines).toMatchObject([['error', expect.stringContaining('shop-1'), { code: 'unauthenticated' }]]);
});
