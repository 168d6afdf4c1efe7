import type { Command } from "commander";
import { EXIT_HELP } from "./exit-codes.ts";
import { type Act, outputOption, seconds } from "./program-options.ts";
import type { Compose } from "./tokens.ts";

/** Adds the commands that show and change the VMs of this machine. */
export function addVmCommands(program: Command, compose: Compose, act: Act): void {
  program
    .command("status")
    .description("show the VMs on this machine, or one VM with its NICs and processes")
    .argument("[vm]", "[namespace/]name")
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind status\n  netbind status default/vm -o json\n${EXIT_HELP}`)
    .action((name: string | undefined, options) =>
      act(options.output, async () => (await import("./commands/vms.ts")).status(name, options.output, await compose())),
    );
  program
    .command("stop")
    .description("stop VMs and remove everything that was made for them")
    .argument("<vm...>", "[namespace/]name")
    .option("--force", "do not wait for the guest to shut down", false)
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind stop vm\n  netbind stop --force default/vm other/vm\n${EXIT_HELP}`)
    .action((names: string[], options) =>
      act(options.output, async () => (await import("./commands/vms.ts")).stop(names, options, await compose())),
    );
  program
    .command("migrate")
    .description("live-migrate a running VM to a second pod on this machine")
    .argument("<vm>", "[namespace/]name")
    .option("--wait <seconds>", "how long to wait for the guest's addresses before reporting", seconds, 10)
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind migrate vm\n  netbind migrate default/vm -o json\n${EXIT_HELP}`)
    .action((name: string, options) =>
      act(options.output, async () => (await import("./commands/migrate.ts")).migrate(name, options, await compose())),
    );
  program
    .command("console")
    .description("connect to the serial console of a guest; Ctrl-] disconnects")
    .argument("<vm>", "[namespace/]name")
    .addHelpText("after", `\nExamples:\n  netbind console vm\n  echo 'ip addr' | netbind console vm\n${EXIT_HELP}`)
    .action((name: string) => act("text", async () => (await import("./commands/vms.ts")).console(name, await compose())));
}

/** Adds the commands that compare VMs with their records, and repair them. */
export function addRepairCommands(program: Command, compose: Compose, act: Act): void {
  program
    .command("check")
    .description("show how VMs differ from their records; exit code 1: at least one differs")
    .argument("[vm...]", "[namespace/]name; all VMs when none is named")
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind check\n  netbind check default/vm -o json\n${EXIT_HELP}`)
    .action((names: string[], options) =>
      act(options.output, async () => (await import("./commands/vms.ts")).check(names, options.output, await compose())),
    );
  program
    .command("apply")
    .description("repair the differences that check shows, and nothing else")
    .argument("[vm...]", "[namespace/]name; all VMs when none is named")
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind apply\n  netbind apply default/vm\n${EXIT_HELP}`)
    .action((names: string[], options) =>
      act(options.output, async () => (await import("./commands/vms.ts")).apply(names, options.output, await compose())),
    );
  program
    .command("gc")
    .description("remove what no running VM owns")
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind gc\n${EXIT_HELP}`)
    .action((options) => act(options.output, async () => (await import("./commands/vms.ts")).gc(options.output, await compose())));
}
