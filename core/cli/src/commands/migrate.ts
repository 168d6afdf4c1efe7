import type { CommandContext } from "./command-context.ts";
import { outputOption, seconds } from "./options.ts";

/** Adds `netbind migrate`. */
export function addMigrate({ program, compose, act }: CommandContext): void {
  program
    .command("migrate")
    .description("live-migrate a running VM to a second pod on this machine")
    .argument("<vm>", "[namespace/]name")
    .option("--wait <seconds>", "how long to wait for the guest's addresses before reporting", seconds, 10)
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind migrate vm\n  netbind migrate default/vm -o json\n`)
    .action((name: string, options) =>
      act(options.output, async () => (await import("../vms/migrate.ts")).migrate(name, options, await compose())),
    );
}
