import type { CommandContext } from "./command-context.ts";

/** Adds `netbind console`. */
export function addConsole({ program, compose, act }: CommandContext): void {
  program
    .command("console")
    .description("connect to the serial console of a guest; Ctrl-] disconnects")
    .argument("<vm>", "[namespace/]name")
    .addHelpText("after", `\nExamples:\n  netbind console vm\n  echo 'ip addr' | netbind console vm\n`)
    .action((name: string) =>
      act("text", async () => (await import("../vms/console.ts")).console(name, await compose())),
    );
}
