import type { CommandContext } from "./command-context.ts";
import { outputOption } from "./options.ts";

/** Adds `netbind stop`. */
export function addStop({ program, compose, act }: CommandContext): void {
  program
    .command("stop")
    .description("stop VMs and remove everything that was made for them")
    .argument("<vm...>", "[namespace/]name")
    .option("--force", "do not wait for the guest to shut down", false)
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind stop vm\n  netbind stop --force default/vm other/vm\n`)
    .action((names: string[], options) =>
      act(options.output, async () => (await import("../vms/stop.ts")).stop(names, options, await compose())),
    );
}
