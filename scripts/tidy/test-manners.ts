// Tests run whole, and do not sleep: what is skipped, and a wait that cannot be an event, says why on the line above.

import type { Call } from './syntax.ts';
import { hasReasonAbove, isTest, isTestSource, type SourceFile, type Tree, typeScriptFiles } from './tree.ts';

const sleepMsMin = 100;
const runners = new Set(['test', 'it', 'describe', 'suite', 'bench']);
const waits = new Set(['setTimeout', 'globalThis.setTimeout', 'sleep', 'delay', 'wait']);

export function checkTestManners(tree: Tree): string[] {
  return typeScriptFiles(tree)
    .filter((file) => isTestSource(file.path))
    .flatMap((file) => [...new Set(file.syntax().calls.flatMap((call) => judge(file, call)))]);
}

function judge(file: SourceFile, call: Call): string[] {
  const where = `${file.path}:${call.line}`;
  const [runner = '', ...modifiers] = call.callee.split('.');
  if (runners.has(runner)) {
    if (modifiers.includes('only')) return [`${where}: .only hides every other test. Remove it`];
    const idle = modifiers.find((modifier) =>
      ['skip', 'skipIf', 'runIf', 'todo', 'fails'].includes(modifier),
    );
    if (idle === undefined || hasReasonAbove(file, call.line)) return [];
    return [`${where}: .${idle} needs its reason in a comment on the line above`];
  }
  const sleeps = waits.has(call.callee) && call.numbers.some((number) => number >= sleepMsMin);
  if (!sleeps || !isTest(file.path) || hasReasonAbove(file, call.line)) return [];
  return [
    `${where}: sleeps ${Math.max(...call.numbers)} ms. Wait for the event, or use a simulated clock; if neither is possible, say why on the line above`,
  ];
}
