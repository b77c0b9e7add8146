// How the server proves to a command that it is the one of this data folder, before the command shows its token: what stands in
// server.json may be the address of a server that was killed, and by now of another user's program. The proof names the port that
// it was asked on, so that nobody can pass the question on to the true server and the answer back.

import { createHmac } from 'node:crypto';

/** `nonce` is drawn by the command for each connection. */
export function serverProof(token: string, asked: { nonce: string; port: number }): string {
  return createHmac('sha256', token)
    .update(`holdfast server proof\n${asked.nonce}\n${asked.port}`)
    .digest('base64url');
}
