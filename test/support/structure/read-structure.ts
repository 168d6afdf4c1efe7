import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Function as FunctionNode, type ArrowFunctionExpression, type Node, parseSync, Visitor } from "oxc-parser";

/** A function of a source: a declaration, an expression, a method or an arrow. */
export interface SourceFunction {
  /** `FILE NAME`; a function without a name has that of what it is given to, or else its line. */
  readonly id: string;
  readonly parameters: number;
  /** Lines of its body without the braces' own; absent where its body is an expression. */
  readonly lines?: number;
}

/** A source file of the workspace. */
export interface SourceFile {
  /** Its path in the checkout. */
  readonly path: string;
  readonly functions: readonly SourceFunction[];
  /** The modules that it imports, types and exports from others included: names, or paths in the checkout. */
  readonly imports: readonly string[];
  /** The modules that it imports only once they are needed. */
  readonly lazyImports: readonly string[];
}

/** Where the sources are that the limits hold for: of packages, of plugins, of sidecars. */
const SOURCES = ["core/*/src/**/*.ts", "plugins/*/src/**/*.ts", "sidecars/src/**/*.ts"];

type AnyFunction = FunctionNode | ArrowFunctionExpression;

/** Parameters of a function, without a `this` that only its type needs. */
const countParameters = ({ params }: AnyFunction): number =>
  params.filter((one) => !(one.type === "Identifier" && one.name === "this")).length;

/** Reads the functions and imports of one text. */
export function readSource(path: string, text: string): SourceFile {
  const functions: SourceFunction[] = [];
  const imports: string[] = [];
  const lazyImports: string[] = [];
  const names = new Map<Node, string>();
  const lineOf = (offset: number): number => text.slice(0, offset).split("\n").length;
  const nameValue = (value: Node | null | undefined, name: Node | null): void => {
    if (value && name?.type === "Identifier") names.set(value, name.name);
    if (value && name?.type === "PrivateIdentifier") names.set(value, `#${name.name}`);
  };
  const addFunction = (node: AnyFunction): void => {
    const name =
      (node.type === "ArrowFunctionExpression" ? undefined : node.id?.name) ??
      names.get(node) ??
      `line ${lineOf(node.start)}`;
    const { body } = node;
    const lines =
      body?.type === "BlockStatement" ? { lines: Math.max(0, lineOf(body.end) - lineOf(body.start) - 1) } : {};
    functions.push({ id: `${path} ${name}`, parameters: countParameters(node), ...lines });
  };
  const addImport = (source: string | undefined, list = imports): void => {
    if (source !== undefined) list.push(source.startsWith(".") ? join(dirname(path), source) : source);
  };
  new Visitor({
    VariableDeclarator: ({ id, init }) => nameValue(init, id),
    MethodDefinition: ({ key, value }) => nameValue(value, key),
    PropertyDefinition: ({ key, value }) => nameValue(value, key),
    Property: ({ key, value }) => nameValue(value, key),
    FunctionDeclaration: addFunction,
    FunctionExpression: addFunction,
    ArrowFunctionExpression: addFunction,
    ImportDeclaration: ({ source }) => addImport(source.value),
    ExportAllDeclaration: ({ source }) => addImport(source.value),
    ExportNamedDeclaration: ({ source }) => addImport(source?.value),
    TSImportType: ({ source }) => addImport(source.value),
    ImportExpression: ({ source }) =>
      addImport(source.type === "Literal" && typeof source.value === "string" ? source.value : undefined, lazyImports),
  }).visit(parseSync(path, text).program);
  return { path, functions, imports, lazyImports };
}

/** Every source of a checkout. */
export const readSources = (root: string): readonly SourceFile[] =>
  globSync(SOURCES, { cwd: root }).map((path) => readSource(path, readFileSync(join(root, path), "utf8")));

/** The circles of files that import each other, each as a list of paths in the order of the alphabet. */
export function findCircles(files: readonly Pick<SourceFile, "path" | "imports">[]): readonly (readonly string[])[] {
  const edges = new Map(files.map(({ path, imports }) => [path, imports]));
  const reach = new Map([...edges.keys()].map((path) => [path, reachable(path, edges)]));
  const isIn = (from: string, to: string): boolean => reach.get(from)?.has(to) === true;
  const circles = [...edges.keys()]
    .filter((path) => isIn(path, path))
    .map((path) => [...edges.keys()].filter((other) => isIn(path, other) && isIn(other, path)).sort());
  return [...new Map(circles.map((circle) => [circle.join(" "), circle])).values()];
}

function reachable(from: string, edges: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [from];
  for (let next = open.pop(); next !== undefined; next = open.pop())
    for (const target of edges.get(next) ?? [])
      if (!found.has(target)) {
        found.add(target);
        open.push(target);
      }
  return found;
}
