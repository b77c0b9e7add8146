// A day with crm, and what is refused: golden/*.http, replayed on a new server at a fixed time.

import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { setPassword } from '../../identity/users.ts';
import { replayTranscript } from '../transcript.fixture.ts';
import { startCrm } from './crm.fixture.ts';

test.each(['crm', 'refusals'])('%s', async (name) => {
  const crm = await startCrm({ auth: 'jwt' });
  try {
    const password = 'the one-time password of the first start';
    await setPassword(crm.identity, { name: 'admin', password, actor: 'test' });
    // The server signs with a key of its own: no token is like another.
    let token = '';
    await replayTranscript(
      fileURLToPath(new URL(`./golden/${name}.http`, import.meta.url)),
      async ({ path, body, headers }) => {
        crm.clock.wall += 1_000;
        const { authorization } = headers;
        const sent = authorization
          ? { ...headers, authorization: authorization.replace('{{token}}', token) }
          : headers;
        const answer = await crm.send(path, body, sent);
        token = answer.body.token ?? token;
        return { status: answer.status, text: answer.text.replace(token === '' ? '\0' : token, '{{token}}') };
      },
    );
    expect(await crm.send('/healthz')).toMatchObject({ status: 200 });
  } finally {
    await crm.stop();
  }
});
