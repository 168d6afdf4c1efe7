import type { CommandContext } from "./command-context.ts";
import {
  adminOption,
  fileOption,
  FILES_ARGUMENT,
  imageFallbackOption,
  outputOption,
  pluginOption,
  recursiveOption,
  requireFiles,
  versionOption,
  withFiles,
} from "./options.ts";

/** Adds `netbind render`. */
export function addRender({ program, compose, act }: CommandContext): void {
  const command = program
    .command("render")
    .description("print the networking part of the virt-launcher pods")
    .argument("[files...]", FILES_ARGUMENT)
    .addOption(fileOption())
    .addOption(recursiveOption())
    .addOption(adminOption())
    .addOption(versionOption())
    .addOption(imageFallbackOption())
    .addOption(pluginOption())
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind render -f vm.yaml -f kubevirt.yaml\n`);
  command.action((files: readonly string[], given) => {
    const options = withFiles(given, files);
    requireFiles(command, [...options.filename, ...options.admin]);
    return act(options.output, async () => (await import("../documents/render.ts")).render(options, await compose()));
  });
}
