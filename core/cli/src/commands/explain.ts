import type { CommandContext } from "./command-context.ts";
import { outputOption, pluginOption } from "./options.ts";

/** Adds `netbind explain`. */
export function addExplain({ program, compose, act }: CommandContext): void {
  program
    .command("explain")
    .description("explain a rule, a binding, a field or an error code; list all of them when none is named")
    .argument("[word]", "a rule's id, a binding's name, the end of a field's path, or a code in brackets")
    .addOption(pluginOption())
    .addOption(outputOption())
    .addHelpText(
      "after",
      "\nExamples:\n  netbind explain BIND-2\n  netbind explain masquerade\n  netbind explain macAddress\n  netbind explain routed-tap --plugin routed-tap=routed-tap.mjs\n",
    )
    .action((word: string | undefined, options) =>
      act(options.output, async () => (await import("../documents/explain.ts")).explain(word, options, compose)),
    );
}
