import type { CommandContext } from "./command-context.ts";
import { outputOption } from "./options.ts";

/** Adds `netbind gc`. */
export function addGc({ program, compose, act }: CommandContext): void {
  program
    .command("gc")
    .description("remove what no running VM owns")
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind gc\n`)
    .action((options) =>
      act(options.output, async () => (await import("../vms/gc.ts")).gc(options.output, await compose())),
    );
}
