import type { CommandContext } from "./command-context.ts";
import { fileOption, FILES_ARGUMENT, outputOption, recursiveOption, requireFiles, withFiles } from "./options.ts";

/** Adds `netbind convert`. */
export function addConvert({ program, act }: CommandContext): void {
  const command = program
    .command("convert")
    .description("convert removed core bindings to binding plugins (shows a diff; --write edits the files)")
    .argument("[files...]", FILES_ARGUMENT)
    .addOption(fileOption())
    .addOption(recursiveOption())
    .option("--write", "change the files instead of printing the diff", false)
    .addOption(outputOption())
    .addHelpText(
      "after",
      "\nExamples:\n  netbind convert -f vm.yaml\n  netbind convert --write -f a.yaml -f b.yaml\n  netbind convert -f - < vm.yaml\n",
    );
  command.action((files: readonly string[], given) => {
    const options = withFiles(given, files);
    requireFiles(command, options.filename);
    return act(options.output, async () => (await import("../documents/convert.ts")).convert(options));
  });
}
