/** Bundles the controller into one file. Usage: node core/controller/build.mjs */
import { build } from "esbuild";
import { bundleProgram } from "../../tools/bundle-program.mjs";

await bundleProgram(build, import.meta.dirname, "netbind-controller");
