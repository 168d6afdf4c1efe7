import { Option } from "commander";
import { REPORT_FORMATS } from "../output.ts";
import { addClusterSwitch, isOfCluster, namespaceOption } from "./cluster-options.ts";
import type { CommandContext } from "./command-context.ts";
import { addFileOptions, withFiles } from "./file-options.ts";
import { ignoreOption, outputOption, pluginOption, versionOption } from "./options.ts";

/** Adds `netbind validate`. */
export function addValidate({ program, compose, act, calledAs }: CommandContext): void {
  const command = addFileOptions(program.command("validate"))
    .description("check VMs against KubeVirt's admission rules, and warn about settings it accepts but ignores")
    .addOption(versionOption())
    .addOption(
      new Option("--operation <operation>", "check VMs as new ones or as edits of existing ones")
        .choices(["create", "update"])
        .default("create"),
    )
    .option("--strict", "exit with code 1 on warnings too", false)
    .addOption(pluginOption())
    .addOption(ignoreOption());
  addClusterSwitch(
    command,
    "judge by a cluster's KubeVirt CR, its version, and the NetworkAttachmentDefinitions, preferences and instancetypes there, where the files have none",
  )
    .addOption(
      namespaceOption("namespace of objects that name none (default: with a cluster the context's, else default)"),
    )
    .addOption(outputOption(REPORT_FORMATS))
    .addHelpText(
      "after",
      "\nExamples:\n  netbind validate -f vm.yaml -f kubevirt.yaml\n  kustomize build . | netbind validate -f -\n  helm template . | netbind validate --strict --kubevirt-version 1.6 -o json -f -\n  netbind validate --cluster -f vm.yaml\n",
    );
  command.action((files: readonly string[], given) => {
    const ofCluster = isOfCluster(given, calledAs);
    const options = { ...withFiles(command, given, files), cluster: ofCluster };
    return act(options.output, async () => (await import("../documents/validate.ts")).validate(options, compose));
  });
}
