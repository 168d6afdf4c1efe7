import { Option } from "commander";
import type { CommandContext } from "./command-context.ts";
import { addFileOptions, withFiles } from "./file-options.ts";
import {
  authFileOption,
  grantsOption,
  hostDiskOption,
  ignoreOption,
  imageFallbackOption,
  outputOption,
  pluginOption,
  seconds,
  versionOption,
} from "./options.ts";

/** Adds `netbind run`. */
export function addRun({ program, compose, act }: CommandContext): void {
  const command = addFileOptions(program.command("run"))
    .description("start VMs and wait until they end; Ctrl-C stops them")
    .addOption(versionOption())
    .option("--keep", "return when the VMs run, and leave them running", false)
    .option(
      "--pod-network <file>",
      "CNI configuration list of the pod network; without it a bridge with 10.244.0.0/24 and fd10:244::/64",
    )
    .addOption(pluginOption())
    .addOption(grantsOption())
    .addOption(imageFallbackOption())
    .addOption(
      new Option("--sidecars <what>", "what sidecars run from: this release's bundles, or their images as on a cluster")
        .choices(["bundle", "image"])
        .default("bundle"),
    )
    .option("--registry <prefix>", "where this release's images are, such as registry.example:5000/mirror")
    .option(
      "--image-table <file>",
      "images.json of npm run images: the digests of this release's images; without it that of this checkout",
    )
    .addOption(authFileOption())
    .addOption(hostDiskOption())
    .option("--wait <seconds>", "how long to wait for the guest's address before reporting", seconds, 120)
    .addOption(ignoreOption())
    .addOption(outputOption())
    .addHelpText(
      "after",
      "\nExamples:\n  netbind run -f vm.yaml\n  netbind run -f vm.yaml -f kubevirt.yaml --keep\n  netbind run -f vm.yaml --plugin routed-tap=routed-tap.mjs\n  netbind run -f vm.yaml --host-disk /var/lib/disks\n  netbind run -f vm.yaml --sidecars image --registry registry.example:5000\n  kustomize build . | netbind run -f -\n",
    );
  command.action((files: readonly string[], given) => {
    const options = withFiles(command, given, files);
    return act(options.output, async () => (await import("../vms/run.ts")).run(options, await compose()));
  });
}
