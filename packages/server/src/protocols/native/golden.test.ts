// Recorded exchanges, replayed on a new server at a fixed time: golden/*.json. A wire that changes shows here.
// To record anew: npx vitest run packages/server/src/protocols/native/golden.test.ts -u, and read the difference.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createEnrolment } from '../../identity/keys.ts';
import { createTestServer } from './native.fixture.ts';

interface Recording {
  auth: 'none' | 'keys';
  steps: Step[];
}

interface Step {
  what: string;
  path: string;
  /** A text is sent as it is. `$CODE` stands for an enrolment code. */
  request: unknown;
  /** Comes with the key that was given before. */
  withKey?: true;
  status?: number;
  /** `$KEY` stands for the key. */
  answer?: unknown;
}

test.each(['exchange', 'policy', 'conflict', 'waiting', 'refusals', 'enrolment'])('%s', async (name) => {
  const file = fileURLToPath(new URL(`./golden/${name}.json`, import.meta.url));
  const recording = JSON.parse(await readFile(file, 'utf8')) as Recording;
  const server = await createTestServer({ auth: recording.auth });
  try {
    const grants = [{ scope: 'shop-1', right: 'write' as const }];
    const { code } = await createEnrolment(server.identity, { name: 'till', grants, actor: 'operator' });
    const steps: Step[] = [];
    let key = '$KEY';
    for (const step of recording.steps) {
      server.clock.wall += 1_000;
      server.clock.mono += 1_000;
      const sent =
        typeof step.request === 'string' ? step.request : JSON.stringify(step.request).replace('$CODE', code);
      const headers = step.withKey ? { authorization: `Bearer ${key}` } : undefined;
      const { status, text, body } = await server.post(step.path, sent, headers);
      if (typeof body.key === 'string') key = body.key;
      steps.push({ ...step, status, answer: JSON.parse(text.replaceAll(key, '$KEY')) });
    }
    await expect(`${JSON.stringify({ ...recording, steps }, null, 2)}\n`).toMatchFileSnapshot(file);
  } finally {
    await server.close();
  }
});
