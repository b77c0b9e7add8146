// `documents`: documents of each user, over a socket or HTTP. README.md is the contract in our words.

import { defineProtocol, type Protocol } from '../mount.ts';
import { namesOf } from '../names.ts';
import { createPresence } from './presence.ts';
import { createRoom } from './read-scope.ts';
import { documentRoutes } from './routes.ts';
import { documentSockets } from './sockets.ts';
import { optionsShape } from './wire.ts';

/** Characters of all scopes that are read as a whole at one time. */
const readingCharsMax = 128 * 1_048_576;

export const documents: Protocol = defineProtocol({
  options: optionsShape,
  collections: null,
  // The time stands beside a document, in its message.
  fields: { id: 'id', time: 'timestamp' },
  counters: false,
  origins: 'near',
  gzip: false,
  create(deps) {
    const shared = {
      names: namesOf(deps.schema, deps.collections),
      room: createRoom(readingCharsMax),
      presence: createPresence(),
    };
    return {
      routes: documentRoutes(deps, shared),
      sockets: (tools) => documentSockets(deps, shared, tools),
      errorBody: ({ code, message, field }) => ({
        success: false,
        error: message,
        code,
        ...(field === undefined ? {} : { field }),
      }),
    };
  },
});
