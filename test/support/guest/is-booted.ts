import { existsSync, readFileSync } from "node:fs";

/** True where the demo guest has done all that its data says, as its console's log tells. */
export const isBooted = (consoleLog: string): boolean =>
  existsSync(consoleLog) && readFileSync(consoleLog, "utf8").includes("netbind-guest: ready");
