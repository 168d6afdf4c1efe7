#!/usr/bin/env node
/** `kubectl-netbind`, which kubectl finds on the path and runs as `kubectl netbind`. */
import { keepCompiled } from "./keep-compiled.ts";

keepCompiled();
await (await import("./run-program.ts")).runProgram("kubectl netbind");
