import { Option } from "commander";
import type { CommandContext } from "./command-context.ts";
import {
  adminOption,
  collect,
  fileOption,
  FILES_ARGUMENT,
  grantsOption,
  hostDiskOption,
  ignoreOption,
  imageFallbackOption,
  outputOption,
  pluginOption,
  recursiveOption,
  requireFiles,
  versionOption,
  withFiles,
} from "./options.ts";

/** Adds `netbind plan`. */
export function addPlan({ program, compose, act }: CommandContext): void {
  const command = program
    .command("plan")
    .description("print what run would do, and change nothing")
    .argument("[files...]", FILES_ARGUMENT)
    .addOption(fileOption())
    .addOption(recursiveOption())
    .addOption(adminOption())
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
    .addOption(outputOption())
    .addHelpText(
      "after",
      `\nExamples:\n  netbind plan -f vm.yaml\n  netbind plan -f vm.yaml --pod-link eth0.json -o json\n  netbind plan -f vm.yaml --plugin routed-tap=routed-tap.mjs --grants grants.json\n`,
    );
  command.action((files: readonly string[], given) => {
    const options = withFiles(given, files);
    requireFiles(command, [...options.filename, ...options.admin]);
    return act(options.output, async () => (await import("../documents/plan.ts")).plan(options, await compose()));
  });
}
