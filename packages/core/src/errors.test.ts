import { describe, expect, test } from 'vitest';
import { type ErrorEntry, mutationErrors, RequestError, requestErrors, verdictCodes } from './errors.ts';

const tables = { requestErrors, verdictCodes, mutationErrors };

describe.each(Object.entries(tables))('%s', (_name, table) => {
  test.each(Object.entries(table))('%s says what it means and what helps, in sentences', (code, entry) => {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(entry.meaning).toMatch(/^[A-Z`].{8,}\.$/s);
    expect(entry.help).toMatch(/^[A-Z].{5,}\.$/s);
    expect(entry.meaning).not.toBe(entry.help);
  });
});

test('no code stands for two things, whether it answers a request or a mutation', () => {
  const seen = new Map<string, ErrorEntry>();
  for (const [code, { meaning, help }] of Object.values(tables).flatMap((table) => Object.entries(table))) {
    expect({ code, meaning, help }).toMatchObject(seen.get(code) ?? {});
    seen.set(code, { meaning, help } as ErrorEntry);
  }
});

test('codes that answer a request have an HTTP status of an error; the others travel inside a 200', () => {
  for (const entry of Object.values(requestErrors))
    expect([entry.status >= 400, entry.status < 600]).toEqual([true, true]);
  for (const entry of [...Object.values(verdictCodes), ...Object.values(mutationErrors)])
    expect(entry.status).toBe(200);
});

describe('a RequestError', () => {
  test('carries code, field, details and cause; its sentence is the code’s unless a better one is given', () => {
    const cause = new Error('disk');
    const error = new RequestError('rolled_back', { field: 'checkpoint', details: { fork: 7 }, cause });
    expect(error).toMatchObject({
      name: 'RequestError',
      code: 'rolled_back',
      field: 'checkpoint',
      details: { fork: 7 },
      cause,
    });
    expect(error.message).toBe(requestErrors.rolled_back.meaning);
    expect(new RequestError('too_many', { message: 'No more devices.' }).message).toBe('No more devices.');
  });

  test('has no field, no details and no cause unless told', () => {
    const error = new RequestError('internal');
    expect([error.field, error.details, 'cause' in error]).toEqual([undefined, {}, false]);
  });
});
