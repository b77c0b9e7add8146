// The operator's work, done by the server that runs on the data folder: the other half of http/admin-routes.ts.

import { Agent, request } from 'node:http';
import { protocolMarker, RequestError, type RequestErrorCode, requestErrors } from '@holdfast/core';
import { type Admin, type AdminOperation, adminInputs } from '../admin/admin.ts';

export interface AdminClient {
  admin: Admin;
  close(): void;
}

/** No answer of a Holdfast server came: nobody listens, the connection broke, or something else listens there. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

/** `probeMsMax` bounds only `schema`, which is how a server is sought; a backup takes as long as it takes. */
export function createAdminClient(server: { url: string; token: string; probeMsMax: number }): AdminClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const call = async (operation: AdminOperation, input: object): Promise<unknown> => {
    const { status, text } = await post(agent, server, operation, JSON.stringify(input));
    const answer = readAnswer(text);
    if (!answer) throw new NoAnswerError(`What answers at ${server.url} is no Holdfast server.`);
    if (status === 200) return answer.result;
    throw errorOf(answer.error);
  };
  const operations = Object.keys(adminInputs) as AdminOperation[];
  const calls = operations.map((operation) => [operation, (input: object) => call(operation, input)]);
  return { admin: Object.fromEntries(calls) as Admin, close: () => agent.destroy() };
}

function post(
  agent: Agent,
  server: { url: string; token: string; probeMsMax: number },
  operation: AdminOperation,
  body: string,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(new NoAnswerError(`The server at ${server.url} gave no answer.`, { cause: error }));
    const outgoing = request(`${server.url}/v1/admin/${operation}`, {
      agent,
      method: 'POST',
      headers: {
        authorization: `Bearer ${server.token}`,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      },
      ...(operation === 'schema' ? { timeout: server.probeMsMax } : {}),
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('No answer in time.')));
    outgoing.on('error', fail);
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', fail);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
      );
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
