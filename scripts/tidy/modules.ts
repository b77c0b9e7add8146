// What an import leads to: a file of ours, a module of Node, or a package.

import { posix } from 'node:path';
import type { Import } from './syntax.ts';
import type { SourceFile, Tree } from './tree.ts';

export type Target = Found | { kind: 'missing' };

export type Found =
  | { kind: 'file'; path: string }
  | { kind: 'node'; name: string }
  | { kind: 'package'; name: string };

export interface Package {
  /** Its folder's name under packages/: what the import table calls it. */
  folder: string;
  name: string;
  /** Subpath (`.`, `./node`) → file. */
  exports: ReadonlyMap<string, string>;
  /** Files that package.json names: exports and commands. */
  entries: readonly string[];
}

export function readPackages(tree: Tree): Package[] {
  return tree.files.flatMap((file) => {
    const folder = /^packages\/([^/]+)\/package\.json$/.exec(file.path)?.[1];
    return folder === undefined ? [] : [readPackage(folder, file)];
  });
}

export function resolveImport(
  tree: Tree,
  packages: readonly Package[],
  from: SourceFile,
  { specifier }: Import,
): Target {
  if (specifier.startsWith('node:')) return { kind: 'node', name: specifier };
  if (specifier.startsWith('.')) {
    const path = posix.join(posix.dirname(from.path), specifier);
    return tree.has(path) ? { kind: 'file', path } : { kind: 'missing' };
  }
  const name = packageName(specifier);
  const ours = packages.find((candidate) => candidate.name === name);
  if (ours === undefined) return { kind: 'package', name };
  const subpath = `.${specifier.slice(name.length)}`;
  const path = ours.exports.get(subpath);
  return path === undefined ? { kind: 'missing' } : { kind: 'file', path };
}

/** `packages/server/src/engine/push.ts` → `server/engine/push.ts`: how the import table writes a place. */
export function placeOf(path: string): string {
  return path.replace(/^packages\/([^/]+)\/src\//, '$1/');
}

function readPackage(folder: string, file: SourceFile): Package {
  const {
    name,
    exports = {},
    bin = {},
  } = JSON.parse(file.text) as {
    name: string;
    exports?: Record<string, string>;
    bin?: Record<string, string>;
  };
  const locate = (target: string) => posix.join('packages', folder, target);
  return {
    folder,
    name,
    exports: new Map(Object.entries(exports).map(([subpath, target]) => [subpath, locate(target)])),
    entries: [...Object.values(exports), ...Object.values(bin)].map(locate),
  };
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
