/** How the workspace's sources become one file that runs where no checkout is: esbuild's options. */
export const BUNDLE_OPTIONS = {
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  conditions: ["@netbind/source"],
  // CommonJS inside the bundle asks for modules of the runtime.
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  logLevel: "warning",
};
