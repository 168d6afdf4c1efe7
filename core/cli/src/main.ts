#!/usr/bin/env node
import { keepCompiled } from "./keep-compiled.ts";

// What is loaded from here on is what the runtime has compiled before.
keepCompiled();
await (await import("./run-program.ts")).runProgram("netbind");
