import type { CommandContext } from "./command-context.ts";
import { outputOption } from "./options.ts";

/** Adds `netbind check`. */
export function addCheck({ program, compose, act }: CommandContext): void {
  program
    .command("check")
    .description("show how VMs differ from their records; exit code 1: at least one differs")
    .argument("[vm...]", "[namespace/]name; all VMs when none is named")
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind check\n  netbind check default/vm -o json\n`)
    .action((names: string[], options) =>
      act(options.output, async () => (await import("../vms/repair.ts")).check(names, options.output, await compose())),
    );
}
