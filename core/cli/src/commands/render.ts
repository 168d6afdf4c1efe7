import type { CommandContext } from "./command-context.ts";
import { addFileOptions, withFiles } from "./file-options.ts";
import { imageFallbackOption, outputOption, pluginOption, versionOption } from "./options.ts";

/** Adds `netbind render`. */
export function addRender({ program, compose, act }: CommandContext): void {
  const command = addFileOptions(program.command("render"))
    .description("print the networking part of the virt-launcher pods")
    .addOption(versionOption())
    .addOption(imageFallbackOption())
    .addOption(pluginOption())
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind render -f vm.yaml -f kubevirt.yaml\n`);
  command.action((files: readonly string[], given) => {
    const options = withFiles(command, given, files);
    return act(options.output, async () => (await import("../documents/render.ts")).render(options, await compose()));
  });
}
