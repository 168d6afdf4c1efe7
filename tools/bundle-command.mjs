/** How the sources of a command become few files: esbuild's options. */
import { readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { BUNDLE_OPTIONS } from "./bundle-options.mjs";
import { readPackages, ROOT } from "./law.mjs";

/** What commander imports to start subcommands that are programs of their own. Netbind has none, and does not wait for it. */
const isForPrograms = (path, importer) =>
  path === "node:child_process" && importer.includes(join("node_modules", "commander", ""));

/**
 * Of a module of the runtime the exports are read that are used: an import of it reads each of them, and loads all that is
 * behind them. The bundler leaves out what nobody uses and is marked as pure.
 */
const lazyBuiltins = {
  name: "lazy-builtins",
  setup(build) {
    build.onResolve({ filter: /^node:/ }, ({ path, kind, importer }) => {
      if (kind === "require-call") return { path, external: true };
      return { path, namespace: isForPrograms(path, importer) ? "loaded-late" : "builtin" };
    });
    build.onLoad({ filter: /.*/, namespace: "loaded-late" }, ({ path }) => ({
      contents: `export default { get spawn() { return process.getBuiltinModule(${JSON.stringify(path)}).spawn; } };`,
    }));
    build.onLoad({ filter: /.*/, namespace: "builtin" }, async ({ path }) => {
      const names = Object.keys(await import(path)).filter((name) => name !== "default" && name !== "module.exports");
      const lines = names.map((name) => `export const ${name} = /* @__PURE__ */ (() => whole.${name})();`);
      const whole = `const whole = /* @__PURE__ */ process.getBuiltinModule(${JSON.stringify(path)});`;
      return { contents: [whole, ...lines, "export default whole;"].join("\n") };
    });
  },
};

/** A module that looks for files beside itself finds those of its own package, wherever the bundle is. */
const ownPlaces = {
  name: "own-places",
  setup(build) {
    const packages = readPackages(ROOT);
    build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const contents = await readFile(path, "utf8");
      const file = relative(ROOT, path).split(sep).join("/");
      const owner = packages.find(({ folder }) => file.startsWith(`${folder}/src/`));
      if (owner === undefined || !contents.includes("import.meta.")) return { contents, loader: "ts" };
      const compiled = file.slice(`${owner.folder}/src/`.length).replace(/\.ts$/, ".js");
      const url = `new URL("./${compiled}", import.meta.resolve("${owner.manifest.name}")).href`;
      return { contents: contents.replaceAll("import.meta.url", url), loader: "ts" };
    });
  },
};

/** Names and lines stay as they are written: a failure's stack is read by people. */
export const COMMAND_OPTIONS = {
  ...BUNDLE_OPTIONS,
  splitting: true,
  outExtension: { ".js": ".mjs" },
  chunkNames: "chunks/[name]-[hash]",
  plugins: [lazyBuiltins, ownPlaces],
  banner: { js: 'const require = process.getBuiltinModule("node:module").createRequire(import.meta.url);' },
};
