import type { CommandContext } from "./command-context.ts";
import { outputOption } from "./options.ts";

/** Adds `netbind apply`. */
export function addApply({ program, compose, act }: CommandContext): void {
  program
    .command("apply")
    .description("repair the differences that check shows, and nothing else")
    .argument("[vm...]", "[namespace/]name; all VMs when none is named")
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind apply\n  netbind apply default/vm\n`)
    .action((names: string[], options) =>
      act(options.output, async () => (await import("../vms/repair.ts")).apply(names, options.output, await compose())),
    );
}
