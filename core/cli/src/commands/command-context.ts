import type { Command } from "commander";
import type { ReportFormat } from "../output.ts";
import type { Compose } from "../tokens.ts";

/** How an action of a command, whose result is the exit code, is run and its failure printed. */
export type Act = (format: ReportFormat, action: () => number | Promise<number>) => Promise<void>;

/** How a person calls the command: by its own name, or by kubectl, which finds it as `kubectl-netbind`. */
export type CalledAs = "netbind" | "kubectl netbind";

/** A usage text, whose commands are written as `netbind ...`, as who called the command writes them. */
export const inWordsOf = (calledAs: CalledAs, text: string): string =>
  calledAs === "netbind" ? text : text.replace(/(?<![\w./-]|kubectl )netbind (?=[a-z])/g, `${calledAs} `);

/** What a command is added to, and how it does what it is for. Each loads its code where it is wanted. */
export interface CommandContext {
  readonly program: Command;
  readonly compose: Compose;
  readonly act: Act;
  readonly calledAs: CalledAs;
}
