import type { CommandContext } from "./command-context.ts";
import {
  adminOption,
  fileOption,
  imageFallbackOption,
  outputOption,
  pluginOption,
  requireFiles,
  versionOption,
} from "./options.ts";

/** Adds `netbind render`. */
export function addRender({ program, compose, act }: CommandContext): void {
  const command = program
    .command("render")
    .description("print the networking part of the virt-launcher pods")
    .addOption(fileOption())
    .addOption(adminOption())
    .addOption(versionOption())
    .addOption(imageFallbackOption())
    .addOption(pluginOption())
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind render -f vm.yaml -f kubevirt.yaml\n`);
  command.action((options) => {
    requireFiles(command, [...options.filename, ...options.admin]);
    return act(options.output, async () => (await import("../documents/render.ts")).render(options, await compose()));
  });
}
