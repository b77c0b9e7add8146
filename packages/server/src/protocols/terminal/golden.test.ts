// What terminals send in a day, and what is refused: golden/*.http, replayed on a new server at a fixed time.

import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { replayTranscript } from '../transcript.fixture.ts';
import { startTerminals } from './terminal.fixture.ts';

test.each(['terminal', 'refusals'])('%s', async (name) => {
  const server = await startTerminals({ environment: { CONFLICT_STRATEGY: 'MANUAL_MERGE' } });
  try {
    await replayTranscript(
      fileURLToPath(new URL(`./golden/${name}.http`, import.meta.url)),
      async (request) => {
        server.clock.wall += 1_000;
        const { status, text } = await server.send(request.path, request.body, request.headers);
        return { status, text };
      },
    );
    expect(await server.send('/healthz')).toMatchObject({ status: 200 });
  } finally {
    await server.stop();
  }
});
