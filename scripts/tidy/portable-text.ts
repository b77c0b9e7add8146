// The project says nothing about the machine that it was written on: no absolute paths, no package registry's address.

import type { Tree } from './tree.ts';

interface Ban {
  pattern: RegExp;
  why: string;
}

const bans: readonly Ban[] = [
  {
    pattern: /(?<![\w.\-)}\]/])\/(?:(?:work|tmp)(?![\w-])|(?:home|root|Users)\/\w+)|\b[A-Z]:\\Users\\/g,
    why: 'is a path of one machine. Write it from the project’s root, or ask the system (`os.tmpdir()`)',
  },
  {
    pattern:
      /https?:\/\/[^\s/"'`)]*(?:registry|artifactory|verdaccio)[^\s/"'`)]*|https?:\/\/\S+\/(?:artifactory|api\/npm)\/|\bregistry\.[a-z0-9.-]+\.(?:com|org|net|io|dev|cn|local|internal)\b/gi,
    why: 'is a package registry. Which one is used is for the reader’s own configuration to say',
  },
];

export function checkPortableText(tree: Tree): string[] {
  return [
    ...tree.files.flatMap(({ path, lines }) =>
      lines.flatMap((line, index) => judgeLine(`${path}:${index + 1}`, line)),
    ),
    ...lockFile(tree),
  ];
}

function judgeLine(where: string, line: string): string[] {
  return bans.flatMap(({ pattern, why }) =>
    [...line.matchAll(pattern)].map(([found]) => `${where}: ${found} ${why}`),
  );
}

function lockFile(tree: Tree): string[] {
  const lines = tree.get('package-lock.json')?.lines ?? [];
  const first = lines.findIndex((line) => /"resolved":\s*"[a-z+]*https?:/.test(line));
  if (first === -1) return [];
  return [
    `package-lock.json:${first + 1}: names the address that a package came from. Run npm install --omit-lockfile-registry-resolved`,
  ];
}
