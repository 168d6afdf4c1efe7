import type { CommandContext } from "./command-context.ts";
import { addClusterOptions, namespaceOption } from "./cluster-options.ts";
import { outputOption } from "./options.ts";

/** Adds `netbind doctor`. */
export function addDoctor({ program, compose, act }: CommandContext): void {
  const command = program
    .command("doctor")
    .description("find out what is wrong with Netbind in a cluster, or why a VM does not start, and say what to do")
    .argument("[vm]", "[namespace/]name");
  addClusterOptions(command)
    .addOption(namespaceOption())
    .addOption(outputOption())
    .addHelpText("after", "\nExamples:\n  netbind doctor\n  netbind doctor web/vm --context lab -o json\n")
    .action((vm: string | undefined, options) =>
      act(options.output, async () => (await import("../cluster/doctor.ts")).doctor(vm, options, await compose())),
    );
}
