import type { CommandContext } from "./command-context.ts";
import { addFileOptions, withFiles } from "./file-options.ts";
import { outputOption } from "./options.ts";

/** Adds `netbind convert`. */
export function addConvert({ program, act }: CommandContext): void {
  const command = addFileOptions(program.command("convert"), { admin: false })
    .description("convert removed core bindings to binding plugins (shows a diff; --write edits the files)")
    .option("--write", "change the files instead of printing the diff", false)
    .addOption(outputOption())
    .addHelpText(
      "after",
      "\nExamples:\n  netbind convert -f vm.yaml\n  netbind convert --write -f a.yaml -f b.yaml\n  netbind convert -f - < vm.yaml\n",
    );
  command.action((files: readonly string[], given) => {
    const options = withFiles(command, given, files);
    return act(options.output, async () => (await import("../documents/convert.ts")).convert(options));
  });
}
