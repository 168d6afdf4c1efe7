import type { CommandContext } from "./command-context.ts";
import { outputOption } from "./options.ts";

/** Adds `netbind link`. */
export function addLink({ program, compose, act }: CommandContext): void {
  const link = program
    .command("link")
    .description(
      "set the link of a running VM's NIC up or down, like plugging or pulling a cable; the NIC must be on a tap device",
    )
    .addHelpText("after", `\nExamples:\n  netbind link down vm blue\n  netbind link up default/vm blue -o json\n`);
  for (const linkState of ["up", "down"] as const)
    link
      .command(linkState)
      .description(`set the link ${linkState}`)
      .argument("<vm>", "[namespace/]name")
      .argument("<nic>", "name of the NIC")
      .addOption(outputOption())
      .addHelpText("after", `\nExamples:\n  netbind link ${linkState} vm blue\n`)
      .action((vm: string, nic: string, options) =>
        act(options.output, async () =>
          (await import("../vms/nics.ts")).setLink({ vm, nic, link: linkState }, options.output, await compose()),
        ),
      );
}
