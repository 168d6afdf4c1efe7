#!/usr/bin/env node
/** The `netbind` command of a checkout, under whatever Node the machine has. */
import { runNetbind } from "./run-netbind.mjs";

runNetbind("core/cli/src/main.ts", false);
