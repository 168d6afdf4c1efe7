#!/usr/bin/env node
/** The `kubectl netbind` command of a checkout, under whatever Node the machine has. */
import { runNetbind } from "./run-netbind.mjs";

runNetbind("core/cli/src/kubectl-main.ts", true);
