import { accessSync, constants, type Stats, statSync } from "node:fs";
import { NamedFileError } from "../errors.ts";

/** Where a third-party binding is asked. */
export type PluginSource =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "socket"; readonly path: string };
/** Third-party bindings of the command line, by the name that they are registered under. */
export type PluginSources = ReadonlyMap<string, PluginSource>;

/** The most bytes of a socket's path that the kernel takes. */
const LONGEST_SOCKET_PATH = 107;

const NEEDED: Readonly<
  Record<PluginSource["kind"], { readonly what: string; readonly fix: string; readonly is: (stat: Stats) => boolean }>
> = {
  file: {
    what: "a regular file",
    fix: "name the bundle that node sidecars/build.mjs --plugin MODULE --out FILE makes",
    is: (stat) => stat.isFile(),
  },
  socket: {
    what: "a socket",
    fix: "start the binding's process there, node BUNDLE.mjs binding SOCKET, and name its socket",
    is: (stat) => stat.isSocket(),
  },
};

/** What is wrong with a place where a plugin is to be asked; undefined where it can be tried. */
function problemOf({ kind, path }: PluginSource): string | undefined {
  const { what, is } = NEEDED[kind];
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return `there is no ${kind} ${path}`;
    if (stat.isDirectory()) return `${path} is a directory, not ${what}`;
    if (!is(stat)) return `${path} is not ${what}`;
    if (kind === "socket" && Buffer.byteLength(path) > LONGEST_SOCKET_PATH)
      return `${path} is longer than the path of a socket may be, ${LONGEST_SOCKET_PATH} bytes`;
    accessSync(path, kind === "socket" ? constants.W_OK : constants.R_OK);
    return undefined;
  } catch (error) {
    return `${path} cannot be opened: ${(error as Error).message}`;
  }
}

/** Looks at where all plugins are to be asked, before one is. @throws NamedFileError with all that is wrong */
export function checkPluginSources(sources: PluginSources): void {
  const problems = [...sources].flatMap(([name, source]) => {
    const problem = problemOf(source);
    return problem === undefined ? [] : [`--plugin ${name}: ${problem}: ${NEEDED[source.kind].fix}`];
  });
  if (problems.length > 0) throw new NamedFileError(problems);
}
