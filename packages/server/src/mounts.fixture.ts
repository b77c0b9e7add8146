// A tiny protocol, for tests of the server that carries protocols: one route that reads what zod says, one that is open, one that
// fails, one that counts devices, and a socket that answers each message with its length.

import { RequestError } from '@holdfast/core';
import { z } from 'zod';
import { defineProtocol, type Protocol, type ZodRoutes } from './protocols/mount.ts';

export function tinyProtocol(options: Partial<Protocol> = {}): Protocol {
  return {
    ...defineProtocol({
      options: z.strictObject({ greeting: z.string().default('hello') }),
      collections: null,
      fields: { id: 'uuid', time: 'last_modified' },
      counters: false,
      origins: 'near',
      gzip: true,
      create: ({ options: { greeting }, scope, collections, caller, countDevice, address, identity }) => ({
        routes: async (plain) => {
          const app = plain.withTypeProvider<ZodRoutes>();
          app.get('/ping', { config: { open: true } }, async () => ({ greeting, port: address().port }));
          app.get('/place', async (request) => ({
            scope,
            collections: [...collections.values()],
            caller: caller(request, 'till-1'),
          }));
          const body = z.object({ device: z.string(), rows: z.array(z.object({ id: z.string() })) });
          app.post('/push', { schema: { body } }, async ({ body: { device, rows } }) => {
            countDevice(device);
            return { rows: rows.map(({ id }) => id) };
          });
          app.get('/long', async () => ({ text: 'x'.repeat(10_000) }));
          app.get('/crash', async () => {
            throw new Error('secret words');
          });
        },
        sockets: ({ errorReply }) => [
          {
            path: '/socket',
            messageBytesMax: 1_000,
            admit: async ({ url }) => {
              const token = new URL(url, 'http://any').searchParams.get('token');
              if (token !== null) await identity.prove({ authorization: `Bearer ${token}` });
              return (wire) => ({
                messageBytesMax: () => 1_000,
                message: (text) => {
                  const { text: told } = errorReply(new RequestError('not_found', { field: 'x' }));
                  wire.send(
                    text.length === 0 ? Buffer.from(told) : Buffer.from(String(text.length)),
                    () => {},
                  );
                },
                binary: () => wire.close(1003, 'text only'),
                beat: () => {},
                closed: () => {},
              });
            },
            stop: () => {},
          },
        ],
        errorBody: ({ status, code, message, field }) => ({ success: false, status, code, message, field }),
      }),
    }),
    ...options,
  };
}
