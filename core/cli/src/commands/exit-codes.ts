import { EXIT_CODES } from "../exit-codes.ts";
import { print } from "../output.ts";
import type { CommandContext } from "./command-context.ts";

const text = (): string => EXIT_CODES.map(([code, means]) => `${String(code).padStart(3)}  ${means}`).join("\n");

/** Adds the topic `netbind help exit-codes`: what the exit codes of all commands say. */
export function addExitCodes({ program }: CommandContext): void {
  program
    .command("exit-codes", { hidden: true })
    .helpOption(false)
    .action(() => print(text())).helpInformation = () => `${text()}\n`;
}
