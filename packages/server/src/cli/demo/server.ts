// The demo's server, a process of its own: what `holdfast serve` starts, on a free port.

import { composeServer } from '../../compose.ts';
import { defineConfig } from '../../config.ts';
import { answerCalls, readTask } from './calls.ts';
import { schema, scopeName } from './schema.ts';

export interface ServerTask {
  data: string;
}

export type ServerCalls = ReturnType<typeof createCalls>;

const conflictsMax = 1_000;

function createCalls({ data }: ServerTask) {
  const server = composeServer(defineConfig({ schema, data, port: 0, auth: 'none', logLevel: 'error' }));
  const running = server.start();
  return {
    url: async () => (await running).url,
    /** Open and settled ones, in the order in which they were found. */
    async conflicts() {
      const { engine } = await running;
      return engine.inspect.conflicts(scopeName, { max: conflictsMax });
    },
    async stop() {
      await running;
      await server.stop();
    },
  };
}

answerCalls(createCalls(readTask<ServerTask>()));
