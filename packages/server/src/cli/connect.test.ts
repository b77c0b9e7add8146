// How commands find the server of a data folder, and what they show to a program that only pretends to be it.

import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemRandom } from '../clock.ts';
import { ensureAdminToken, makeDataFolder, readServerFile, writeServerFile } from '../data-folder.ts';
import { createWorkplace, type Workplace } from './commands.fixture.ts';

const slow = { timeout: 60_000 };

let at: Workplace;
let impostor: Server;
let port: number;
/** Everything that it was sent. */
let heard: string[];
/** What it answers; undefined: nothing at all. */
let answer: ((path: string, body: string) => Promise<string>) | undefined;
let token: string;

beforeEach(async () => {
  at = await createWorkplace();
  heard = [];
  answer = async () => JSON.stringify({ protocol: 'holdfast/1', result: {}, now: 0 });
  impostor = createServer((incoming, outgoing) => {
    let body = '';
    incoming.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    incoming.on('end', async () => {
      heard.push(`${incoming.url} ${JSON.stringify(incoming.headers)} ${body}`);
      if (answer) outgoing.end(await answer(incoming.url ?? '', body));
    });
  });
  await new Promise<void>((resolve) => impostor.listen(0, '127.0.0.1', resolve));
  ({ port } = impostor.address() as AddressInfo);
  await makeDataFolder(at.path('data'));
  token = await ensureAdminToken(at.path('data'), systemRandom);
});
afterEach(async () => {
  impostor.closeAllConnections();
  impostor.close();
  await at.close();
});

const pointThere = () => writeServerFile(at.path('data'), { url: `http://127.0.0.1:${port}`, pid: 1 });

test.each([
  ['answers all questions', () => JSON.stringify({ protocol: 'holdfast/1', result: { proof: 'x' }, now: 0 })],
  ['is another program', () => '<html>'],
  [
    'answers with an error of ours',
    () => JSON.stringify({ protocol: 'holdfast/1', error: { code: 'stopping', message: '' }, now: 0 }),
  ],
  ['repeats what it is told', (_: string, body: string) => body],
])('a program that %s is never shown the token', async (_, says) => {
  answer = async (path, body) => says(path, body);
  await pointThere();
  expect(await at.run(['keys', 'add', 'office'])).toMatchObject({ exit: 0, err: '' });
  expect(heard.length).toBeGreaterThan(0);
  expect(heard.join()).not.toContain(token);
  expect(heard.join().toLowerCase()).not.toContain('authorization');
  // The command took the folder itself, and tidied up.
  expect(await readServerFile(at.path('data'))).toBeUndefined();
});

test(
  'a program that passes the question on to the true server is not shown the token either',
  slow,
  async () => {
    await at.serve();
    const there = await readServerFile(at.path('data'));
    answer = (path, body) =>
      new Promise((resolve) => {
        const onward = request(`${there?.url}${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
        });
        onward.on('response', async (incoming) => {
          let text = '';
          for await (const chunk of incoming) text += String(chunk);
          resolve(text);
        });
        onward.end(body);
      });
    await pointThere();
    const { exit, err } = await at.run(['keys', 'list']);
    expect([exit, err]).toEqual([1, expect.stringContaining('does not answer')]);
    expect(heard.join()).not.toContain(token);
    await writeServerFile(at.path('data'), { url: there?.url ?? '', pid: 1 });
    expect(await at.run(['keys', 'list'])).toMatchObject({ exit: 0 });
  },
);
