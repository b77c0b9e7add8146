// What a line of the log says of an error, and what it leaves out.

import { expect, test } from 'vitest';
import { createLog, describeError } from './log.ts';

function linesOf(work: (log: ReturnType<typeof createLog>) => void): string[] {
  const lines: string[] = [];
  work(
    createLog({
      level: 'info',
      clock: { wallMs: () => 7.4, monoMs: () => 0 },
      write: (line) => lines.push(line),
    }),
  );
  return lines;
}

test('a line is JSON with a level by name and the time of the clock, and says nothing of the machine', () => {
  const lines = linesOf((log) => log.info({ n: 1 }, 'served'));
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    { level: 'info', time: 7, n: 1, msg: 'served' },
  ]);
});

test('an injected line break stays inside its line', () => {
  const [line = ''] = linesOf((log) => log.warn({ name: 'a\r\n{"level":"fatal"}\u001b[2J' }, 'x'));
  for (const control of ['\r', '\n', '\u001b']) expect(line.trimEnd()).not.toContain(control);
});

test('an error tells its code and place; a parser’s text, which quotes what it read, stays out', () => {
  const cause = Object.assign(new Error('x'.repeat(1_000)), { code: 'EIO' });
  const told = describeError(new TypeError('why', { cause }));
  expect(told).toMatchObject({ name: 'TypeError', message: 'why', cause: { code: 'EIO' } });
  expect(told.stack?.[0]).toMatch(/^at /);
  expect(told.cause?.message).toHaveLength(300);
  let parsed: unknown;
  try {
    JSON.parse('{"name":canary}');
  } catch (error) {
    parsed = error;
  }
  const [line = ''] = linesOf((log) => log.error({ error: parsed }, 'x'));
  expect(line).toContain('SyntaxError');
  expect(line).not.toContain('canary');
  expect(describeError('canary')).toEqual({ name: 'string' });
});
