import type { Command } from "commander";
import type { ReportFormat } from "../output.ts";
import type { Compose } from "../tokens.ts";

/** How an action of a command, whose result is the exit code, is run and its failure printed. */
export type Act = (format: ReportFormat, action: () => number | Promise<number>) => Promise<void>;

/** What a command is added to, and how it does what it is for. Each loads its code where it is wanted. */
export interface CommandContext {
  readonly program: Command;
  readonly compose: Compose;
  readonly act: Act;
}
