// What the rules need to know of a TypeScript file, from one walk over its syntax tree.
// The parser is Vite's (oxc): TypeScript 7 offers none to JavaScript.

import { type ESTree, parseSync, Visitor } from 'vite';

export interface Import {
  specifier: string;
  line: number;
}

export interface FunctionSpan {
  /** `name`, `Class.method`, or the name of the function around it with `>`. */
  name: string;
  line: number;
  /** From its first line to its last, inner functions included. */
  length: number;
}

export interface Call {
  /** Dotted, as written: `setTimeout`, `test.skip`, `test.only.each`. */
  callee: string;
  /** Its numeric literals among the arguments. */
  numbers: number[];
  line: number;
}

export interface Comment {
  text: string;
  line: number;
}

export interface Syntax {
  /** Static, dynamic, of types, re-exports, and `new URL('…', import.meta.url)` (how a worker names its file). */
  imports: Import[];
  /** Names given here; `export { x } from` passes one on. */
  exports: { name: string; line: number }[];
  functions: FunctionSpan[];
  calls: Call[];
  comments: Comment[];
}

/** Throws if the file cannot be parsed. */
export function parseSyntax(path: string, text: string): Syntax {
  const parsed = parseSync(path, text);
  const error = parsed.errors[0];
  if (error !== undefined) throw new Error(`${path}: ${error.message}`);
  const lineOf = createLineIndex(text);
  return {
    ...walk(parsed.program, lineOf),
    exports: parsed.module.staticExports
      .flatMap((statement) => statement.entries)
      .flatMap(({ exportName, importName, moduleRequest }) => {
        const passedOn = moduleRequest !== null && importName.name === exportName.name;
        return exportName.name === null || passedOn
          ? []
          : [{ name: exportName.name, line: lineOf(exportName.start ?? 0) }];
      }),
    comments: parsed.comments.map((comment) => ({ text: comment.value, line: lineOf(comment.start) })),
  };
}

type LineOf = (offset: number) => number;

function createLineIndex(text: string): LineOf {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  };
}

function walk(program: ESTree.Program, lineOf: LineOf): Pick<Syntax, 'imports' | 'functions' | 'calls'> {
  const imports: Import[] = [];
  const calls: Call[] = [];
  const functions = new FunctionCollector(lineOf);
  const addImport = (source: { type: string; value?: unknown; start: number } | null | undefined) => {
    if (typeof source?.value === 'string')
      imports.push({ specifier: source.value, line: lineOf(source.start) });
  };
  new Visitor({
    ImportDeclaration: (node) => addImport(node.source),
    ExportNamedDeclaration: (node) => addImport(node.source),
    ExportAllDeclaration: (node) => addImport(node.source),
    ImportExpression: (node) => addImport(node.source),
    TSImportType: (node) => addImport(node.source),
    NewExpression: (node) => {
      const [target, base] = node.arguments;
      if (dotted(node.callee) === 'URL' && dotted(base) === 'import.meta.url') addImport(target);
    },
    CallExpression: (node) => {
      const numbers = node.arguments.flatMap((argument) =>
        argument.type === 'Literal' && typeof argument.value === 'number' ? [argument.value] : [],
      );
      calls.push({ callee: dotted(node.callee), numbers, line: lineOf(node.start) });
    },
    ...functions.visitor,
  }).visit(program);
  return { imports, calls, functions: functions.found };
}

/** A function has no name of its own when it is a value: then it takes the one of the variable, property or method around it. */
class FunctionCollector {
  readonly found: FunctionSpan[] = [];
  readonly #lineOf: LineOf;
  /** Names of the functions and classes around the current node. */
  readonly #around: string[] = [];
  #given: string | undefined;

  constructor(lineOf: LineOf) {
    this.#lineOf = lineOf;
  }

  get visitor() {
    const enter = (node: ESTree.Function | ESTree.ArrowFunctionExpression) => this.#enter(node);
    const exit = () => {
      this.#around.pop();
    };
    const giveNone = () => {
      this.#given = undefined;
    };
    return {
      FunctionDeclaration: enter,
      FunctionExpression: enter,
      ArrowFunctionExpression: enter,
      'FunctionDeclaration:exit': exit,
      'FunctionExpression:exit': exit,
      'ArrowFunctionExpression:exit': exit,
      ClassDeclaration: (node: ESTree.Class) => {
        this.#around.push(node.id?.name ?? 'class');
      },
      'ClassDeclaration:exit': exit,
      VariableDeclarator: (node: ESTree.VariableDeclarator) => this.#give(node.id),
      MethodDefinition: (node: ESTree.MethodDefinition) => this.#give(node.key),
      PropertyDefinition: (node: ESTree.PropertyDefinition) => this.#give(node.key),
      Property: (node: { key?: ESTree.Node }) => this.#give(node.key),
      'VariableDeclarator:exit': giveNone,
      'MethodDefinition:exit': giveNone,
      'PropertyDefinition:exit': giveNone,
      'Property:exit': giveNone,
    };
  }

  #give(node: ESTree.Node | undefined): void {
    this.#given = dotted(node) || undefined;
  }

  #enter(node: ESTree.Function | ESTree.ArrowFunctionExpression): void {
    const own = node.type === 'ArrowFunctionExpression' ? undefined : node.id?.name;
    this.#around.push(own ?? this.#given ?? 'anonymous');
    this.#given = undefined;
    const line = this.#lineOf(node.start);
    this.found.push({ name: this.#around.join('>'), line, length: this.#lineOf(node.end - 1) - line + 1 });
  }
}

/** `a.b.c` of an expression of names; of a call the name of what is called; empty for anything else. */
function dotted(node: ESTree.Node | null | undefined): string {
  switch (node?.type) {
    case 'Identifier':
    case 'PrivateIdentifier':
      return node.name;
    case 'MetaProperty':
      return `${node.meta.name}.${node.property.name}`;
    case 'MemberExpression':
      return `${dotted(node.object)}.${dotted(node.property)}`;
    case 'CallExpression':
      return dotted(node.callee);
    default:
      return '';
  }
}
