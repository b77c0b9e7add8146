// Every source file is reached from what package.json names (exports, commands) or from a test. A contract suite or a fixture that no
// test imports is dead, too.

import { readPackages, resolveImport } from './modules.ts';
import { isTest, isTestSource, type SourceFile, sourceFiles, type Tree, typeScriptFiles } from './tree.ts';

export function checkDeadFiles(tree: Tree): string[] {
  const reached = reachableFrom(tree, rootFiles(tree));
  return sourceFiles(tree)
    .filter((file) => !reached.has(file.path))
    .map(({ path }) =>
      isTestSource(path)
        ? `${path}: no test imports it. Use it in one, or delete it`
        : `${path}: nothing reaches it from a package's exports, a command or a test. Use it, or delete it`,
    );
}

function rootFiles(tree: Tree): SourceFile[] {
  const entries = readPackages(tree).flatMap((entry) => entry.entries.map((path) => tree.get(path)));
  const developer = typeScriptFiles(tree).filter(
    (file) => isTest(file.path) || !file.path.startsWith('packages/'),
  );
  return [...entries.filter((file) => file !== undefined), ...developer];
}

function reachableFrom(tree: Tree, roots: readonly SourceFile[]): Set<string> {
  const packages = readPackages(tree);
  const reached = new Set<string>();
  const waiting = [...roots];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (reached.has(file.path)) continue;
    reached.add(file.path);
    for (const found of file.syntax().imports) {
      const target = resolveImport(tree, packages, file, found);
      const next = target.kind === 'file' ? tree.get(target.path) : undefined;
      if (next !== undefined && /\.tsx?$/.test(next.path)) waiting.push(next);
    }
  }
  return reached;
}
