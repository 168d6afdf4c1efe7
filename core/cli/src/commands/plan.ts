import { Option } from "commander";
import type { CommandContext } from "./command-context.ts";
import { addFileOptions, withFiles } from "./file-options.ts";
import {
  collect,
  grantsOption,
  hostDiskOption,
  ignoreOption,
  imageFallbackOption,
  outputOption,
  pluginOption,
  versionOption,
} from "./options.ts";

/** Adds `netbind plan`. */
export function addPlan({ program, compose, act }: CommandContext): void {
  const command = addFileOptions(program.command("plan"))
    .description("print what run would do, and change nothing")
    .addOption(versionOption())
    .addOption(hostDiskOption())
    .addOption(
      new Option(
        "--pod-link <file>",
        "a link of the pod as JSON: name, mac, mtu, addresses, routes; repeatable; other links are assumed, and marked as assumed",
      )
        .argParser(collect)
        .default([] as readonly string[]),
    )
    .addOption(pluginOption())
    .addOption(grantsOption())
    .addOption(imageFallbackOption())
    .addOption(ignoreOption())
    .option("-v, --verbose", "print all of it: the pod, links, sysctls, nftables, services and the domain XML", false)
    .addOption(outputOption())
    .addHelpText(
      "after",
      `\nExamples:\n  netbind plan -f vm.yaml\n  netbind plan -v -f vm.yaml\n  netbind plan -f vm.yaml --pod-link eth0.json -o json\n  netbind plan -f vm.yaml --plugin routed-tap=routed-tap.mjs --grants grants.json\n`,
    );
  command.action((files: readonly string[], given) => {
    const options = withFiles(command, given, files);
    return act(options.output, async () => (await import("../documents/plan.ts")).plan(options, await compose()));
  });
}
