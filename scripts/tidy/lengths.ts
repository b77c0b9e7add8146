// Files and functions of the product stay short. What is too long today stands in ratchet.json with its number, and that list may only
// shrink: an entry is lowered when its file gets shorter, and goes when it is short enough.

import { productFiles, type Tree } from './tree.ts';

const fileLinesMax = 300;
const functionLinesMax = 70;
const ratchetPath = 'scripts/tidy/ratchet.json';

/** `path` or `path#function` → lines. */
type Ratchet = Record<string, number>;

interface Lengths {
  kind: 'file' | 'function';
  linesMax: number;
  advice: string;
  now: Map<string, number>;
}

export function checkLengths(tree: Tree): string[] {
  const ratchet = JSON.parse(tree.get(ratchetPath)?.text ?? '{}') as { files?: Ratchet; functions?: Ratchet };
  return [
    ...judge(fileLengths(tree), ratchet.files ?? {}),
    ...judge(functionLengths(tree), ratchet.functions ?? {}),
  ];
}

function fileLengths(tree: Tree): Lengths {
  const now = new Map(productFiles(tree).map((file) => [file.path, file.text.trimEnd().split('\n').length]));
  return {
    kind: 'file',
    linesMax: fileLinesMax,
    advice: 'Split it where a second reason to change begins',
    now,
  };
}

/** Functions of one name in one file count as their longest. */
function functionLengths(tree: Tree): Lengths {
  const now = new Map<string, number>();
  for (const file of productFiles(tree)) {
    for (const { name, length } of file.syntax().functions) {
      const key = `${file.path}#${name}`;
      now.set(key, Math.max(length, now.get(key) ?? 0));
    }
  }
  return {
    kind: 'function',
    linesMax: functionLinesMax,
    advice: 'Take the parts that have a name of their own out of it',
    now,
  };
}

function judge({ kind, linesMax, advice, now }: Lengths, ratchet: Ratchet): string[] {
  const grown = [...now].flatMap(([key, lines]) => {
    const listed = ratchet[key];
    if (lines <= (listed ?? linesMax)) return [];
    const limit =
      listed === undefined
        ? `a ${kind} has ${linesMax} at most`
        : `${ratchetPath} allows it ${listed}, and may only shrink`;
    return [`${key}: ${lines} lines; ${limit}. ${advice}`];
  });
  const shrunk = Object.entries(ratchet).flatMap(([key, listed]) => {
    const lines = now.get(key);
    if (lines === undefined) return [`${ratchetPath}: ${key} is gone. Remove its entry`];
    if (lines <= linesMax)
      return [`${ratchetPath}: ${key} has ${lines} lines now, which needs no entry. Remove it`];
    return lines < listed
      ? [`${ratchetPath}: ${key} has ${lines} lines now. Lower its ${listed} to ${lines}`]
      : [];
  });
  return [...grown, ...shrunk];
}
