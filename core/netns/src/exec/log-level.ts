import { unknownLevel } from "../errors.ts";
const VARIABLE = "NETBIND_LOG";
const LEVELS: readonly string[] = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

/** How much is logged: what `NETBIND_LOG` names, or what is usual where it names nothing. @throws SettingError */
export function logLevel(usual: string): string {
  const level = process.env[VARIABLE] || usual;
  if (LEVELS.includes(level)) return level;
  throw unknownLevel(VARIABLE, level, LEVELS);
}
