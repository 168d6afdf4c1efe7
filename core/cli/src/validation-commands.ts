import { type Command, Option } from "commander";
import { EXIT_HELP } from "./exit-codes.ts";
import { type Act, adminOption, fileOption, outputOption, pluginOption, requireFiles, versionOption } from "./program-options.ts";
import type { Compose } from "./tokens.ts";

/** Adds the commands that read files and start nothing. */
export function addJudging(program: Command, compose: Compose, act: Act): void {
  const judge = program
    .command("validate")
    .description(
      "check VMs against the rules of a KubeVirt version, and warn about what KubeVirt accepts and ignores; exit code 1: refused",
    )
    .addOption(fileOption())
    .addOption(adminOption())
    .addOption(versionOption())
    .addOption(
      new Option("--operation <operation>", "check VMs as new ones or as edits of existing ones")
        .choices(["create", "update"])
        .default("create"),
    )
    .option("--strict", "exit with code 1 on warnings too", false)
    .addOption(pluginOption())
    .addOption(outputOption())
    .addHelpText(
      "after",
      "\nExamples:\n  netbind validate -f vm.yaml -f kubevirt.yaml\n  kustomize build . | netbind validate -f -\n  helm template . | netbind validate --strict --kubevirt-version 1.6 -o json -f -\n",
    );
  judge.action((options) => {
    requireFiles(judge, [...options.filename, ...options.admin]);
    return act(options.output, async () => (await import("./commands/validate.ts")).validate(options, compose));
  });
  const draw = program
    .command("render")
    .description("print the networking part of the launcher pods that a cluster would create for VMs")
    .addOption(fileOption())
    .addOption(adminOption())
    .addOption(versionOption())
    .addOption(
      new Option("--image-fallback <policy>", "which bindings get this release's image when the KubeVirt CR does not register them")
        .choices(["Always", "SlirpOnly", "Never"])
        .default("Always"),
    )
    .addOption(pluginOption())
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind render -f vm.yaml -f kubevirt.yaml\n${EXIT_HELP}`);
  draw.action((options) => {
    requireFiles(draw, [...options.filename, ...options.admin]);
    return act(options.output, async () => (await import("./commands/render.ts")).render(options, await compose()));
  });
  program
    .command("explain")
    .description("explain a rule, a binding or a field; list all of them when none is named")
    .argument("[word]", "a rule's id, a binding's name, or the end of a field's path")
    .addOption(pluginOption())
    .addOption(outputOption())
    .addHelpText(
      "after",
      "\nExamples:\n  netbind explain BIND-2\n  netbind explain masquerade\n  netbind explain macAddress\n  netbind explain routed-tap --plugin routed-tap=routed-tap.mjs\n",
    )
    .action((word: string | undefined, options) =>
      act(options.output, async () => (await import("./commands/explain.ts")).explain(word, options, compose)),
    );
  addConvert(program, act);
}

function addConvert(program: Command, act: Act): void {
  const convert = program
    .command("convert")
    .description("convert the removed core bindings slirp, passt and macvtap to binding plugins; print the changes as a diff")
    .addOption(fileOption())
    .option("--write", "change the files instead of printing the diff", false)
    .addOption(outputOption())
    .addHelpText(
      "after",
      "\nExamples:\n  netbind convert -f vm.yaml\n  netbind convert --write -f a.yaml -f b.yaml\n  netbind convert -f - < vm.yaml\n",
    );
  convert.action((options) => {
    requireFiles(convert, options.filename);
    return act(options.output, async () => (await import("./commands/convert.ts")).convert(options));
  });
}
