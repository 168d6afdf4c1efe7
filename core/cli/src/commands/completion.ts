import { Argument, type Command } from "commander";
import { type Candidate, candidatesFor, type Namers } from "../completion/candidates.ts";
import { ASKED, FILES, SCRIPTS, type Shell, SHELLS } from "../completion/scripts.ts";
import { printDocument } from "../output.ts";
import type { CommandContext } from "./command-context.ts";

/** Words that `netbind explain` takes. */
async function explainable(): Promise<readonly Candidate[]> {
  const [{ ALL_CHECKS }, { ERRORS_BY_CODE }] = await Promise.all([
    import("@netbind/kubevirt/admission"),
    import("../error-codes.ts"),
  ]);
  return [
    ...ALL_CHECKS.map(({ id, means }) => ({ word: id, means })),
    ...[...ERRORS_BY_CODE].map(([word, { means }]) => ({ word, means })),
  ];
}

const NAMERS: Namers = { word: explainable };

async function answer(program: Command, words: readonly string[]): Promise<void> {
  const found = await candidatesFor(program, words, NAMERS);
  const lines = found === "files" ? [FILES] : found.map(({ word, means }) => `${word}\t${means}`);
  printDocument(lines.map((line) => `${line}\n`).join(""));
}

/** Adds `netbind completion`, and what the scripts that it prints ask. */
export function addCompletion({ program }: CommandContext): void {
  program
    .command("completion")
    .description("print a script that completes commands, options and their values in a shell")
    .addArgument(new Argument("<shell>", "the shell that reads the script").choices(SHELLS))
    .addHelpText(
      "after",
      "\nExamples:\n  source <(netbind completion bash)\n  netbind completion zsh > ~/.zfunc/_netbind\n  netbind completion fish > ~/.config/fish/completions/netbind.fish\n",
    )
    .action((shell: Shell) => printDocument(SCRIPTS[shell]));
  program
    .command(ASKED, { hidden: true })
    .argument("[words...]")
    .helpOption(false)
    .action((words: readonly string[]) => answer(program, words));
}
