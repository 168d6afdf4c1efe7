import type { CommandContext } from "./command-context.ts";
import { days, outputOption } from "./options.ts";

/** Adds `netbind gc`. */
export function addGc({ program, compose, act }: CommandContext): void {
  program
    .command("gc")
    .description("remove what no running VM owns")
    .option(
      "--images <days>",
      "remove container disks and sidecars' images from the cache too that no VM has and no start has taken for so many days",
      days,
    )
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind gc\n  netbind gc --images 30\n`)
    .action((options) => act(options.output, async () => (await import("../vms/gc.ts")).gc(options, await compose())));
}
