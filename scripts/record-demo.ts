// Records a session of the demo to docs/demo.txt. `npm run record-demo` plays it and writes what it prints; a test says when the story has
// become another one. What differs from run to run (how much of a push had arrived) is not compared.

import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Scene, story } from '../packages/server/src/cli/demo/story.ts';

export const recordingFile = fileURLToPath(new URL('../docs/demo.txt', import.meta.url));

/** What the story tells and the recording does not. */
export function missingParts(recording: string, scenes: readonly Scene[] = story): string[] {
  const told = plain(recording);
  const parts = scenes.flatMap(({ title, steps }) => [
    title,
    ...steps.flatMap((step) => (step.do === 'say' ? [step.text] : 'says' in step ? [step.says] : [])),
  ]);
  return [...parts, 'The account', 'Everything adds up.'].filter((part) => !told.includes(plain(part)));
}

/** Without line ends and indents. */
function plain(text: string): string {
  return text.replace(/\s+/g, ' ');
}

async function record(): Promise<void> {
  const holdfast = fileURLToPath(new URL('../packages/server/src/cli/holdfast.mjs', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [holdfast, 'demo', '--fast']);
  await writeFile(recordingFile, `$ npx holdfast demo\n${stdout}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await record();
