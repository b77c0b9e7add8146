// The operator's work, done by the server that runs on the data folder: the other half of http/admin-routes.ts. The token is shown
// only on a connection at whose other end the server has proven that it knows it already.

import { Agent, request } from 'node:http';
import type { Duplex } from 'node:stream';
import { protocolMarker, RequestError, type RequestErrorCode, requestErrors } from '@holdfast/core';
import { type Admin, type AdminOperation, adminInputs } from '../admin/admin.ts';
import { serverProof } from '../admin/server-proof.ts';
import { systemRandom } from '../clock.ts';
import { sameHash } from '../identity/key-text.ts';

export interface AdminClient {
  admin: Admin;
  close(): void;
}

/** No answer of this folder's server came: nobody listens, the connection broke, or something else listens there. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

export interface ServerAddress {
  url: string;
  token: string;
  /** Bounds how a server is sought; its work takes as long as it takes. */
  probeMsMax: number;
}

export function createAdminClient(server: ServerAddress): AdminClient {
  let line: Line | undefined;
  const call = async (operation: AdminOperation, input: object): Promise<unknown> => {
    // The server closes a connection on which nothing was asked for a while.
    if (!line?.isOpen()) {
      line?.agent.destroy();
      line = undefined;
      line = await proven(server, openLine());
    }
    const headers = { authorization: `Bearer ${server.token}` };
    const timeout = operation === 'schema' ? { timeout: server.probeMsMax } : {};
    const { status, answer } = await post(server, { line, path: operation, input, headers, ...timeout });
    if (status === 200) return answer.result;
    throw errorOf(answer.error);
  };
  const operations = Object.keys(adminInputs) as AdminOperation[];
  const calls = operations.map((operation) => [operation, (input: object) => call(operation, input)]);
  return { admin: Object.fromEntries(calls) as Admin, close: () => line?.agent.destroy() };
}

/** One connection, and no second in its place: who listens there by then has proven nothing. */
interface Line {
  agent: Agent;
  isOpen(): boolean;
}

function openLine(): Line {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const connect = agent.createConnection.bind(agent);
  let socket: Duplex | null | undefined;
  agent.createConnection = (options, created) => {
    if (socket) {
      created?.(new Error('The connection has ended.'), socket);
      return undefined;
    }
    socket = connect(options, created);
    return socket;
  };
  return { agent, isOpen: () => socket != null && !socket.destroyed };
}

async function proven(server: ServerAddress, line: Line): Promise<Line> {
  const nonce = Buffer.from(systemRandom.bytes(32)).toString('base64url');
  const { port } = new URL(server.url);
  const expected = serverProof(server.token, { nonce, port: Number(port === '' ? 80 : port) });
  const { answer } = await post(server, {
    line,
    path: 'prove',
    input: { nonce },
    timeout: server.probeMsMax,
  });
  const { proof } = (answer.result ?? {}) as { proof?: unknown };
  if (typeof proof === 'string' && sameHash(proof, expected)) return line;
  line.agent.destroy();
  throw new NoAnswerError(`What answers at ${server.url} is not the server of this folder.`);
}

interface Sending {
  line: Line;
  path: string;
  input: object;
  headers?: Readonly<Record<string, string>>;
  timeout?: number;
}

function post(
  server: ServerAddress,
  { line, path, input, headers, timeout }: Sending,
): Promise<{ status: number; answer: Record<string, unknown> }> {
  const body = JSON.stringify(input);
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(new NoAnswerError(`The server at ${server.url} gave no answer.`, { cause: error }));
    const outgoing = request(`${server.url}/v1/admin/${path}`, {
      agent: line.agent,
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      ...(timeout === undefined ? {} : { timeout }),
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('No answer in time.')));
    outgoing.on('error', fail);
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', fail);
      response.on('end', () => {
        const answer = readAnswer(Buffer.concat(chunks).toString('utf8'));
        if (answer) resolve({ status: response.statusCode ?? 0, answer });
        else fail(new Error('What answers there is no Holdfast server.'));
      });
    });
    outgoing.end(body);
  });
}

function readAnswer(text: string): Record<string, unknown> | undefined {
  try {
    const answer = JSON.parse(text) as Record<string, unknown> | null;
    return answer?.protocol === protocolMarker ? answer : undefined;
  } catch {
    return undefined;
  }
}

function errorOf(value: unknown): RequestError {
  const { code = '', message, field } = (value ?? {}) as { code?: string; message?: string; field?: string };
  const known = Object.hasOwn(requestErrors, code) ? (code as RequestErrorCode) : 'internal';
  return new RequestError(known, { ...(message === undefined ? {} : { message }), field });
}
