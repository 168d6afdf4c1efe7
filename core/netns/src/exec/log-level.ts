/** A variable of the environment has a value that it cannot have. */
export class SettingError extends Error {
  override readonly name = "SettingError";
}

const VARIABLE = "NETBIND_LOG";
const LEVELS: readonly string[] = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

/** How much is logged: what `NETBIND_LOG` names, or what is usual where it names nothing. @throws SettingError */
export function logLevel(usual: string): string {
  const level = process.env[VARIABLE] || usual;
  if (LEVELS.includes(level)) return level;
  throw new SettingError(`${VARIABLE} is ${JSON.stringify(level)}: name one of ${LEVELS.join(", ")}`);
}
