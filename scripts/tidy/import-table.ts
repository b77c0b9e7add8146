// Folders are layers: docs/architecture.md holds the table of who may import whom, in a block fenced as `import-table`.
//
//   place -> allowed, allowed
//
// A place is a folder or a file under packages/<package>/src, written `package/folder`; `*` stands for any one folder. The longest
// place that fits a file counts, and files of one place may import one another. Allowed is another place (and all below it), the
// name of an npm package, `node:` (any module of Node) or one of them, or `*` (everything).
//
// Tests are free, but core's know core alone. Nobody reaches into another package by a relative path, and nobody imports the
// public face of the own package: that one is for others.

import { type Found, type Package, placeOf, readPackages, resolveImport, type Target } from './modules.ts';
import type { Import } from './syntax.ts';
import { isTestSource, type SourceFile, sourceFiles, type Tree } from './tree.ts';

const tablePath = 'docs/architecture.md';

interface Row {
  place: string;
  pattern: RegExp;
  allowed: readonly string[];
}

export function checkImportTable(tree: Tree): string[] {
  const packages = readPackages(tree);
  const rows = readTable(tree);
  if (rows.length === 0)
    return [
      `${tablePath}: has no block fenced as \`\`\`import-table. Write one: see scripts/tidy/import-table.ts`,
    ];
  return sourceFiles(tree).flatMap((file) =>
    file.syntax().imports.flatMap((found) => {
      const target = resolveImport(tree, packages, file, found);
      const complaint = strays(packages, file, found, target) ?? judge(rows, packages, file, target);
      return complaint === undefined
        ? []
        : [`${file.path}:${found.line}: imports ${found.specifier}: ${complaint}`];
    }),
  );
}

function readTable(tree: Tree): Row[] {
  const block = /^```import-table\n([\s\S]*?)^```$/m.exec(tree.get(tablePath)?.text ?? '')?.[1] ?? '';
  return block
    .split('\n')
    .filter((line) => line.includes('->'))
    .map((line) => {
      const [place = '', allowed = ''] = line.split('->').map((part) => part.trim());
      const names = allowed.split(',').map((name) => name.trim());
      return { place, pattern: placePattern(place), allowed: names.filter((name) => name !== '') };
    });
}

function strays(packages: readonly Package[], file: SourceFile, { specifier }: Import, target: Target) {
  const own = ownPackage(packages, file);
  if (!specifier.startsWith('.') || target.kind !== 'file' || own === undefined) return undefined;
  if (target.path.startsWith(`packages/${own.folder}/`)) return undefined;
  return 'that is outside its package. Import another package by its name';
}

function judge(
  rows: readonly Row[],
  packages: readonly Package[],
  file: SourceFile,
  target: Target,
): string | undefined {
  if (target.kind === 'missing') return 'there is no such file. Mend the path';
  const own = ownPackage(packages, file);
  if (target.kind === 'file' && isTestSource(target.path) && !isTestSource(file.path))
    return 'only tests may import tests, fixtures and contract suites';
  return isTestSource(file.path) ? judgeTest(own, target) : judgeProduct(rows, own, file, target);
}

function judgeTest(own: Package | undefined, target: Found): string | undefined {
  if (own?.folder !== 'core' || target.kind !== 'file' || target.path.startsWith('packages/core/'))
    return undefined;
  return "core's tests know core alone. Test what needs both where both are known";
}

function judgeProduct(
  rows: readonly Row[],
  own: Package | undefined,
  file: SourceFile,
  target: Found,
): string | undefined {
  const place = placeOf(file.path);
  const row = findRow(rows, place);
  if (row === undefined) return `no line of the import table in ${tablePath} fits ${place}. Add one`;
  if (target.kind === 'file' && own?.exports.get('.') === target.path)
    return 'that is the public face of its own package. Import the module itself';
  const wanted = target.kind === 'file' ? placeOf(target.path) : target.name;
  if (target.kind === 'file' && unitOf(rows, wanted) === unitOf(rows, place)) return undefined;
  if (row.allowed.some((allowed) => permits(allowed, wanted))) return undefined;
  return `${row.place} may import only ${row.allowed.join(', ') || 'itself'} (import table in ${tablePath}). Move the code, or take it as an argument`;
}

function ownPackage(packages: readonly Package[], file: SourceFile): Package | undefined {
  return packages.find((candidate) => file.path.startsWith(`packages/${candidate.folder}/`));
}

/** The row and, where it has a `*`, which folder stands for it: siblings are strangers. */
function unitOf(rows: readonly Row[], place: string): string | undefined {
  return findRow(rows, place)?.pattern.exec(place)?.[0];
}

function findRow(rows: readonly Row[], place: string): Row | undefined {
  return rows
    .filter((row) => row.pattern.test(place))
    .sort(
      (a, b) =>
        b.place.split('/').length - a.place.split('/').length ||
        a.place.split('*').length - b.place.split('*').length,
    )[0];
}

function permits(allowed: string, wanted: string): boolean {
  if (allowed === '*' || allowed === wanted) return true;
  return allowed === 'node:' ? wanted.startsWith('node:') : placePattern(allowed).test(wanted);
}

function placePattern(place: string): RegExp {
  const source = place.replace(/[.]/g, '\\.').replace(/\*/g, '[^/.]+');
  return new RegExp(`^${source}(?=/|$)`);
}
