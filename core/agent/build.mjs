/** Bundles the node agent into one file. Usage: node core/agent/build.mjs */
import { build } from "esbuild";
import { bundleProgram } from "../../tools/bundle-program.mjs";

await bundleProgram(build, import.meta.dirname, "netbind-agent");
