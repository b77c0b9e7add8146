// Recorded requests and messages with what is answered and told, replayed on a new server at a fixed time. A wire that changes shows here.
// To record anew: npx vitest run packages/server/src/protocols/documents/golden.test.ts -u, and read the difference.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { replayTranscript } from '../transcript.fixture.ts';
import { type Client, type DocumentsServer, type Said, serve } from './documents.fixture.ts';

let server: DocumentsServer;
beforeEach(async () => {
  server = await serve();
});
afterEach(() => server.close());

const fileOf = (name: string): string => fileURLToPath(new URL(`./golden/${name}`, import.meta.url));

test('the transcript that editors run', async () => {
  await replayTranscript(fileOf('documents.http'), async ({ method, path, headers, body }) => {
    server.clock.wall += 1_000;
    const answer =
      method === 'GET' ? await server.get(path, headers) : await server.post(path, body, headers);
    return { status: answer.status, text: JSON.stringify(answer.body) };
  });
});

interface Step {
  what: string;
  device: string;
  /** As this user. */
  connects?: string;
  says?: unknown;
  /** What each device then hears. */
  told?: Record<string, Said[]>;
}

test('the socket', async () => {
  const file = fileOf('socket.json');
  const recording = JSON.parse(await readFile(file, 'utf8')) as { steps: Step[] };
  const clients = new Map<string, Client>();
  const steps: Step[] = [];
  for (const step of recording.steps) {
    server.clock.wall += 1_000;
    const { device, connects, says } = step;
    if (connects !== undefined) clients.set(device, await server.connect(connects, device));
    else clients.get(device)?.say(says);
    const told: Record<string, Said[]> = {};
    for (const [name, client] of clients) {
      const heard: Said[] = [];
      for (const _ of step.told?.[name] ?? []) heard.push(await client.next());
      heard.push(...(await client.rest()));
      if (heard.length > 0) told[name] = heard;
    }
    steps.push({ ...step, told });
  }
  await expect(`${JSON.stringify({ ...recording, steps }, null, 2)}\n`).toMatchFileSnapshot(file);
});
