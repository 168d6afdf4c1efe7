import type { CommandContext } from "./command-context.ts";
import { addClusterSwitch, isOfCluster, namespaceOption } from "./cluster-options.ts";
import { outputOption } from "./options.ts";

/** Adds `netbind status`. */
export function addStatus({ program, compose, act, calledAs }: CommandContext): void {
  const command = program
    .command("status")
    .description(
      "show the VMs on this machine, or one VM with its NICs and processes; of a cluster: the NICs of its VMs",
    )
    .argument("[vm]", "[namespace/]name");
  addClusterSwitch(command, "show the VMs of a cluster, not of this machine")
    .addOption(namespaceOption())
    .option("-A, --all-namespaces", "VMs of all namespaces of the cluster", false)
    .addOption(outputOption())
    .addHelpText(
      "after",
      "\nExamples:\n  netbind status\n  netbind status default/vm -o json\n  netbind status --cluster -A\n  netbind status --context lab -n web\n",
    )
    .action((name: string | undefined, options) => {
      const { output } = options;
      const ofCluster = options.allNamespaces || options.namespace !== undefined || isOfCluster(options, calledAs);
      return act(output, async () =>
        ofCluster
          ? (await import("../cluster/cluster-status.ts")).clusterStatus(name, options)
          : (await import("../vms/status.ts")).status(name, output, await compose()),
      );
    });
}
