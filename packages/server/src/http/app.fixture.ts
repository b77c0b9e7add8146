// The application as tests build it: fixed time, counted randomness, a log that is kept, and routes of the test's own.

import { defaultLimits, type Limits, protocolMarker } from '@holdfast/core';
import type { FastifyInstance } from 'fastify';
import { createLog } from '../log.ts';
import { type AppDeps, createApp } from './app.ts';

export interface TestApp {
  app: FastifyInstance;
  /** Lines of the log, parsed. */
  lines: Record<string, unknown>[];
  clock: { wall: number; mono: number };
}

export function createTestApp(
  options: Partial<Omit<AppDeps, 'limits'>> & { limits?: Partial<Limits> } = {},
): TestApp {
  const clock = { wall: 1_700_000_000_000, mono: 0 };
  const lines: Record<string, unknown>[] = [];
  const clockPort = { wallMs: () => clock.wall, monoMs: () => clock.mono };
  let drawn = 0;
  const bytes = (length: number): Uint8Array => {
    drawn += 1;
    return new Uint8Array(length).fill(drawn);
  };
  const app = createApp({
    clock: clockPort,
    random: { bytes, fraction: () => 0.5 },
    log: createLog({
      level: 'debug',
      clock: clockPort,
      write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>),
    }),
    auth: 'none',
    hosts: [],
    corsOrigins: [],
    machine: { name: () => 'till-server', addresses: () => ['127.0.0.1', '203.0.113.7'] },
    ready: async () => {},
    requestErrorOf: () => undefined,
    ...options,
    limits: { ...defaultLimits, ...options.limits },
    routes: [
      async (plugin) => {
        plugin.post('/echo', async (request) => ({ got: request.body }));
      },
      ...(options.routes ?? []),
    ],
  });
  return { app, lines, clock };
}

/** What every error answer must look like. */
export function readError(response: { statusCode: number; body: string }): {
  status: number;
  code: string;
  field: string | undefined;
} {
  const answer = JSON.parse(response.body) as {
    protocol: string;
    now: number;
    error: { code: string; field?: string; message: string; help: string; request: string };
  };
  if (answer.protocol !== protocolMarker || typeof answer.now !== 'number')
    throw new Error(`No marked answer: ${response.body}`);
  const { code, field, message, help, request } = answer.error;
  if (!message || !help || !request) throw new Error(`An error without its words: ${response.body}`);
  return { status: response.statusCode, code, field };
}
