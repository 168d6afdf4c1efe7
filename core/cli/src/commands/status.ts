import type { CommandContext } from "./command-context.ts";
import { outputOption } from "./options.ts";

/** Adds `netbind status`. */
export function addStatus({ program, compose, act }: CommandContext): void {
  program
    .command("status")
    .description("show the VMs on this machine, or one VM with its NICs and processes")
    .argument("[vm]", "[namespace/]name")
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind status\n  netbind status default/vm -o json\n`)
    .action((name: string | undefined, options) =>
      act(options.output, async () => (await import("../vms/status.ts")).status(name, options.output, await compose())),
    );
}
