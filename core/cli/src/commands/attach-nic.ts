import { Option } from "commander";
import type { CommandContext } from "./command-context.ts";
import { addFileOptions, withFiles } from "./file-options.ts";
import { outputOption, seconds } from "./options.ts";

/** Adds `netbind attach-nic`. */
export function addAttachNic({ program, compose, act }: CommandContext): void {
  const named = program
    .command("attach-nic")
    .argument("<vm>", "[namespace/]name")
    .argument("<nic>", "name of the new NIC and of its network");
  const command = addFileOptions(named)
    .description("plug a NIC into a running VM, on the network of a NetworkAttachmentDefinition")
    .requiredOption("--network <definition>", "[namespace/]name of a NetworkAttachmentDefinition in the files")
    .addOption(new Option("--binding <binding>", "binding of the NIC").choices(["bridge", "sriov"]).default("bridge"))
    .option("--mac <address>", "MAC address of the NIC; without it the network's CNI plugin chooses one")
    .option("--wait <seconds>", "how long to wait for the guest's address before reporting", seconds, 30)
    .addOption(outputOption())
    .addHelpText(
      "after",
      `\nExamples:\n  netbind attach-nic vm blue --network blue-net -f nads.yaml\n  netbind attach-nic default/vm blue --network blue-net --mac 02:00:00:00:00:10 -f nads.yaml -o json\n`,
    );
  command.action((vm: string, nic: string, files: readonly string[], given) => {
    const options = withFiles(command, given, files);
    return act(options.output, async () =>
      (await import("../vms/nics.ts")).attachNic({ vm, nic }, options, await compose()),
    );
  });
}
