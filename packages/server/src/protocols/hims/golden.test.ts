// Recorded requests and answers, replayed on a new server at a fixed time. A wire that changes shows here.
// To record anew: npx vitest run packages/server/src/protocols/hims/golden.test.ts -u, and read the difference.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { presetOptions } from '../../presets/presets.ts';
import { replayTranscript } from '../transcript.fixture.ts';
import { startHims } from './hims.fixture.ts';

test('the transcript that editors run', async () => {
  const file = fileURLToPath(new URL('./golden/hims.http', import.meta.url));
  const hims = await startHims({ schema: presetOptions('hims', {}).schema });
  try {
    await replayTranscript(file, async ({ method, path, body: sent }) => {
      hims.clock.wall += 1_000;
      const { status, body } = await hims.ask(method as 'GET' | 'POST', path, sent);
      return { status, text: JSON.stringify(body) };
    });
  } finally {
    await hims.close();
  }
});

interface Recording {
  maxSyncRecords?: number;
  steps: Step[];
}

interface Step {
  what: string;
  method: 'GET' | 'POST';
  path: string;
  /** A text is sent as it is. */
  request?: unknown;
  status?: number;
  answer?: unknown;
}

test.each(['strategies', 'deletes', 'pages', 'clocks', 'resolutions', 'refusals'])('%s', async (name) => {
  const file = fileURLToPath(new URL(`./golden/${name}.json`, import.meta.url));
  const recording = JSON.parse(await readFile(file, 'utf8')) as Recording;
  const { maxSyncRecords } = recording;
  const { schema } = presetOptions('hims', {});
  const hims = await startHims({ schema, ...(maxSyncRecords === undefined ? {} : { maxSyncRecords }) });
  try {
    const steps: Step[] = [];
    for (const step of recording.steps) {
      hims.clock.wall += 1_000;
      const { status, body } = await hims.ask(step.method, step.path, step.request);
      steps.push({ ...step, status, answer: body });
    }
    await expect(`${JSON.stringify({ ...recording, steps }, null, 2)}\n`).toMatchFileSnapshot(file);
  } finally {
    await hims.close();
  }
});
