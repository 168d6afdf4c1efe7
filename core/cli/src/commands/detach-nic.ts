import type { CommandContext } from "./command-context.ts";
import { outputOption } from "./options.ts";

/** Adds `netbind detach-nic`. */
export function addDetachNic({ program, compose, act }: CommandContext): void {
  program
    .command("detach-nic")
    .description("unplug a NIC from a running VM, and remove what was made for it in the pod")
    .argument("<vm>", "[namespace/]name")
    .argument("<nic>", "name of the NIC")
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind detach-nic vm blue\n  netbind detach-nic default/vm blue -o json\n`)
    .action((vm: string, nic: string, options) =>
      act(options.output, async () =>
        (await import("../vms/nics.ts")).detachNic({ vm, nic }, options.output, await compose()),
      ),
    );
}
