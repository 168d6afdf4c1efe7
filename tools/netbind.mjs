#!/usr/bin/env node
/** The `netbind` command of a checkout, under whatever Node the machine has. */
import { bootstrap, buildSidecars } from "./bootstrap.mjs";
import { runSource } from "./spawn-last.mjs";
import { ensureSystemPackages } from "./system-packages.mjs";

const args = process.argv.slice(2);
bootstrap();
// What starts, stops or looks at VMs needs the machine's programs; what only reads and prints needs none.
if (
  ["run", "stop", "gc", "status", "check", "apply", "attach-nic", "detach-nic", "link"].includes(args[0]) &&
  !args.includes("--help") &&
  !args.includes("-h")
)
  ensureSystemPackages(
    args[0] === "run" && / --sidecars[ =]image( |$)/.test(` ${args.join(" ")}`) ? ["containers"] : [],
  );
if (args[0] === "run") buildSidecars();
runSource("core/cli/src/main.ts", args);
