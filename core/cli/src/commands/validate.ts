import { Option } from "commander";
import { REPORT_FORMATS } from "../output.ts";
import type { CommandContext } from "./command-context.ts";
import { addFileOptions, withFiles } from "./file-options.ts";
import { ignoreOption, outputOption, pluginOption, versionOption } from "./options.ts";

/** Adds `netbind validate`. */
export function addValidate({ program, compose, act }: CommandContext): void {
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
    .addOption(ignoreOption())
    .addOption(outputOption(REPORT_FORMATS))
    .addHelpText(
      "after",
      "\nExamples:\n  netbind validate -f vm.yaml -f kubevirt.yaml\n  kustomize build . | netbind validate -f -\n  helm template . | netbind validate --strict --kubevirt-version 1.6 -o json -f -\n",
    );
  command.action((files: readonly string[], given) => {
    const options = withFiles(command, given, files);
    return act(options.output, async () => (await import("../documents/validate.ts")).validate(options, compose));
  });
}
