import { type Command, Option } from "commander";
import { EXIT_HELP } from "./exit-codes.ts";
import { type Act, adminOption, fileOption, outputOption, requireFiles, seconds } from "./program-options.ts";
import type { Compose } from "./tokens.ts";

/** Adds the commands that change the NICs of a running VM. */
export function addNicCommands(program: Command, compose: Compose, act: Act): void {
  const attach = program
    .command("attach-nic")
    .description("plug a NIC into a running VM, on the network of a NetworkAttachmentDefinition")
    .argument("<vm>", "[namespace/]name")
    .argument("<nic>", "name of the new NIC and of its network")
    .addOption(fileOption())
    .addOption(adminOption())
    .requiredOption("--network <definition>", "[namespace/]name of a NetworkAttachmentDefinition in the files")
    .addOption(new Option("--binding <binding>", "binding of the NIC").choices(["bridge", "sriov"]).default("bridge"))
    .option("--mac <address>", "MAC address of the NIC; without it the network's CNI plugin chooses one")
    .option("--wait <seconds>", "how long to wait for the guest's address before reporting", seconds, 30)
    .addOption(outputOption())
    .addHelpText(
      "after",
      `\nExamples:\n  netbind attach-nic vm blue --network blue-net -f nads.yaml\n  netbind attach-nic default/vm blue --network blue-net --mac 02:00:00:00:00:10 -f nads.yaml -o json\n${EXIT_HELP}`,
    );
  attach.action((vm: string, nic: string, options) => {
    requireFiles(attach, [...options.filename, ...options.admin]);
    return act(options.output, async () => (await import("./commands/nics.ts")).attachNic(vm, nic, options, await compose()));
  });
  program
    .command("detach-nic")
    .description("unplug a NIC from a running VM, and remove what was made for it in the pod")
    .argument("<vm>", "[namespace/]name")
    .argument("<nic>", "name of the NIC")
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind detach-nic vm blue\n  netbind detach-nic default/vm blue -o json\n${EXIT_HELP}`)
    .action((vm: string, nic: string, options) =>
      act(options.output, async () => (await import("./commands/nics.ts")).detachNic(vm, nic, options.output, await compose())),
    );
  const link = program
    .command("link")
    .description("set the link of a running VM's NIC up or down, like plugging or pulling a cable; the NIC must be on a tap device")
    .addHelpText("after", `\nExamples:\n  netbind link down vm blue\n  netbind link up default/vm blue -o json\n${EXIT_HELP}`);
  for (const linkState of ["up", "down"] as const)
    link
      .command(linkState)
      .description(`set the link ${linkState}`)
      .argument("<vm>", "[namespace/]name")
      .argument("<nic>", "name of the NIC")
      .addOption(outputOption())
      .addHelpText("after", `\nExamples:\n  netbind link ${linkState} vm blue\n${EXIT_HELP}`)
      .action((vm: string, nic: string, options) =>
        act(options.output, async () => (await import("./commands/nics.ts")).setLink(linkState, vm, nic, options.output, await compose())),
      );
}
