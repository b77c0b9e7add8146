// What attackers try, for every protocol: a table of attacks, each run for each protocol, on a server that asks for tokens. After each the
// server is well, and unless the attack says otherwise nothing was written. Where an attack means nothing to a protocol, the table says why.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type At, createSend } from './attack.fixture.ts';
import { type Attacked, protocols, startAttacked, targets } from './attacks.fixture.ts';
import { attacksOnContent } from './attacks-on-content.fixture.ts';
import { attacksOnRights } from './attacks-on-rights.fixture.ts';
import { attacksOnSockets } from './attacks-on-sockets.fixture.ts';
import { badTokens } from './bad-tokens.fixture.ts';

const attacks = [...attacksOnRights, ...attacksOnContent, ...attacksOnSockets];

let server: Attacked;
let parts: Pick<At, 'server' | 'bad' | 'send'>;
beforeAll(async () => {
  server = await startAttacked();
  parts = { server, bad: await badTokens(server), send: createSend(server) };
});
afterAll(() => server.close());

for (const { number, what, run, not = {}, writes } of attacks.filter(({ not }) => typeof not !== 'string'))
  describe(`${number}: ${what}`, () => {
    for (const [name, target] of Object.entries(targets)) {
      if (typeof not !== 'string' && not[name] !== undefined) continue;
      test(name, { timeout: 60_000 }, async () => {
        const before = await server.marks();
        await run({ ...parts, name, target });
        if (!writes) expect((await server.marks()).commits).toBe(before.commits);
        expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
        expect((await parts.send(target.read())).status).toBe(200);
      });
    }
  });

test('every protocol of the cases has a column, and where an attack means nothing the table says why', () => {
  expect(Object.keys(targets).sort()).toEqual(['native', ...Object.keys(protocols)].sort());
  const empty = attacks.flatMap(({ number, not = {} }) =>
    typeof not === 'string'
      ? [`${number} | ${not}`]
      : Object.entries(not).map(([name, why]) => `${number} | ${name} | ${why}`),
  );
  expect(empty).toMatchInlineSnapshot(`
    [
      "17 | one comparison in constant time serves all (identity/key-text.ts); a test that measures time proves nothing here",
      "57 | native | it counts requests by address alone, shown by http/mounted.test.ts",
      "80 | hims | any page may call it, by its contract, without credentials of the browser",
      "67 | hims | it has no socket of its own",
      "67 | pos | it has no socket of its own",
      "67 | crm | it has no socket of its own",
      "68 | hims | it has no socket of its own",
      "68 | pos | it has no socket of its own",
      "68 | crm | it has no socket of its own",
      "68 | native | its first frame may bring the credential; how long it waits, live.test.ts shows",
      "68 | terminal | its own handshake brings the credential, shown by its sockets.test.ts",
      "69 | hims | it has no socket of its own",
      "69 | pos | it has no socket of its own",
      "69 | crm | it has no socket of its own",
      "70 | hims | it has no socket of its own",
      "70 | pos | it has no socket of its own",
      "70 | crm | it has no socket of its own",
      "71 | hims | it has no socket of its own",
      "71 | pos | it has no socket of its own",
      "71 | crm | it has no socket of its own",
      "76 | hims | it has no socket of its own",
      "76 | pos | it has no socket of its own",
      "76 | crm | it has no socket of its own",
    ]
  `);
});
