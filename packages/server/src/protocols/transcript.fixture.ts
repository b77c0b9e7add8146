// Transcripts of a protocol: `.http` files that editors run against a server, with the answer to each request above it as a comment.
// A test replays them and compares the whole file. To record anew: run it with -u, and read the difference.
//
//   ### What it is about          what is sent, in order:
//   # 200                         request line with {{url}}, headers, an empty line, the body
//   # { "success": true }

import { readFile } from 'node:fs/promises';
import { expect } from 'vitest';

export interface RecordedRequest {
  method: string;
  /** Behind `{{url}}`. */
  path: string;
  headers: Readonly<Record<string, string>>;
  body: string | undefined;
}

export type Answering = (request: RecordedRequest) => Promise<{ status: number; text: string }>;

/** Sends each request in order and holds the file against what was answered. */
export async function replayTranscript(file: string, answering: Answering): Promise<void> {
  const [head = '', ...blocks] = (await readFile(file, 'utf8')).split(/^### /m);
  const replayed = [head];
  for (const block of blocks) replayed.push(await replay(block, answering));
  await expect(replayed.join('### ')).toMatchFileSnapshot(file);
}

async function replay(block: string, answering: Answering): Promise<string> {
  const lines = block.trimEnd().split('\n');
  const start = lines.findIndex((line, place) => place > 0 && !line.startsWith('#'));
  const sent = lines.slice(start);
  const { status, text } = await answering(readRequest(sent));
  const answer = [String(status), ...printed(text).split('\n')].map((line) => `# ${line}`.trimEnd());
  return `${[lines[0], ...answer, ...sent].join('\n')}\n\n`;
}

function readRequest(lines: readonly string[]): RecordedRequest {
  const [, method = '', path = ''] = /^([A-Z]+) \{\{url\}\}(\S*)$/.exec(lines[0] ?? '') ?? [];
  if (method === '') throw new Error(`No request line: ${lines[0]}`);
  const gap = lines.indexOf('');
  const fields = lines.slice(1, gap < 0 ? undefined : gap);
  const headers = Object.fromEntries(
    fields.map((field) => {
      const [name = '', ...value] = field.split(':');
      return [name.toLowerCase(), value.join(':').trim()];
    }),
  );
  return { method, path, headers, body: gap < 0 ? undefined : lines.slice(gap + 1).join('\n') };
}

function printed(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
