// What tills send in a day, and what is refused: golden/*.http, replayed on a new server at a fixed time.

import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { replayTranscript } from '../transcript.fixture.ts';
import { startPos } from './pos.fixture.ts';

test.each(['pos', 'refusals'])('%s', async (name) => {
  const pos = await startPos();
  try {
    await replayTranscript(
      fileURLToPath(new URL(`./golden/${name}.http`, import.meta.url)),
      async (request) => {
        pos.clock.wall += 1_000;
        const { status, text } = await pos.send(request.path, request.body, request.headers);
        return { status, text };
      },
    );
    expect(await pos.send('/healthz')).toMatchObject({ status: 200 });
  } finally {
    await pos.stop();
  }
});
