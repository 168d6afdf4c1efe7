/** The product's programs, as arguments of Node: their sources, or, where a whole tier runs, what was bundled of them just before, which starts in a third of the time. */
import { fileURLToPath } from "node:url";
import { COMPILED } from "../guest/netbind.ts";

/** The environment of what starts them: what the runtime made of a program is kept for its next start. */
export const WITH_COMPILED: Readonly<Record<string, string>> = { NODE_COMPILE_CACHE: COMPILED };

const file = (path: string): string => fileURLToPath(new URL(`../../../core/${path}`, import.meta.url));

const programOf = (name: string): readonly string[] =>
  process.env["NETBIND_TESTED"] === "bundle"
    ? [file(`${name}/dist/netbind-${name}.mjs`)]
    : ["--conditions=@netbind/source", file(`${name}/src/main.ts`)];

export const AGENT: readonly string[] = programOf("agent");
export const CONTROLLER: readonly string[] = programOf("controller");
