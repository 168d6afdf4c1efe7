#!/usr/bin/env node
/** `kubectl-netbind`, which kubectl finds on the path and runs as `kubectl netbind`. */
import { runProgram } from "./run-program.ts";

await runProgram("kubectl netbind");
