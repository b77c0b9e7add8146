// The project's text files, read once. A rule is a function from this tree to complaints, so a test can hand it a tree of its own.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSyntax, type Syntax } from './syntax.ts';

/** Each complaint says where, what is wrong, and what to do. None: the rule holds. */
export type Rule = (tree: Tree) => string[];

export interface SourceFile {
  /** From the project's root, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  /** Of a TypeScript file; parsed at the first call. */
  syntax(): Syntax;
}

export interface Tree {
  readonly files: readonly SourceFile[];
  get(path: string): SourceFile | undefined;
  /** Whether there is such a file or folder; also one that is no text. */
  has(path: string): boolean;
}

/** What git tracks or would track: ignored folders (data, node_modules) are not the project's. */
export function readTree(root: string): Tree {
  const paths = execFileSync(
    'git',
    ['-c', 'safe.directory=*', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    { cwd: root, encoding: 'utf8' },
  )
    .split('\0')
    .filter((path) => path !== '' && existsSync(join(root, path)));
  return createTree(Object.fromEntries(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')])));
}

export function createTree(texts: Readonly<Record<string, string>>): Tree {
  const files = Object.entries(texts)
    .filter(([, text]) => !text.includes('\0'))
    .map(([path, text]) => createFile(path, text));
  const byPath = new Map(files.map((file) => [file.path, file]));
  const known = new Set(Object.keys(texts).flatMap(withFolders));
  return { files, get: (path) => byPath.get(path), has: (path) => known.has(path) };
}

/** TypeScript that runs in the product: no tests, no declarations. */
export function productFiles(tree: Tree): SourceFile[] {
  return sourceFiles(tree).filter((file) => !isTestSource(file.path));
}

/** All TypeScript under packages/*\/src. */
export function sourceFiles(tree: Tree): SourceFile[] {
  return typeScriptFiles(tree).filter((file) => /^packages\/[^/]+\/src\//.test(file.path));
}

export function typeScriptFiles(tree: Tree): SourceFile[] {
  return tree.files.filter((file) => /\.tsx?$/.test(file.path) && !file.path.endsWith('.d.ts'));
}

export function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.endsWith('.test.tsx');
}

/** Tests, what only tests import, and the contract suites of the ports: the same list is in the tsconfigs and in biome.jsonc. */
export function isTestSource(path: string): boolean {
  return isTest(path) || path.endsWith('.fixture.ts') || /(^|\/)contract\.ts$/.test(path);
}

/** Whether the line above carries a comment: the reason that several rules ask for. Lines count from 1. */
export function hasReasonAbove(file: SourceFile, line: number): boolean {
  const above = file.lines[line - 2]?.trim() ?? '';
  return /^(\/\/|\/\*|\*)\s*\S/.test(above) && !/^(\/\/|\/\*|\*)\s*biome-ignore/.test(above);
}

function createFile(path: string, text: string): SourceFile {
  let syntax: Syntax | undefined;
  return {
    path,
    text,
    lines: text.split('\n'),
    syntax: () => {
      syntax ??= parseSyntax(path, text);
      return syntax;
    },
  };
}

function withFolders(path: string): string[] {
  const parts = path.split('/');
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}
