import { type Command, Option } from "commander";
import { EXIT_HELP } from "./exit-codes.ts";
import { type Act, adminOption, fileOption, outputOption, pluginOption, requireFiles, versionOption } from "./program-options.ts";
import type { Services } from "./services.ts";

/** Adds what reads files and starts nothing. */
export function addJudging(program: Command, services: Services, act: Act): void {
  const judge = program
    .command("validate")
    .description("say what a cluster will say of VMs, and what comes of what it does not say; exit code 1 where it refuses one")
    .addOption(fileOption())
    .addOption(adminOption())
    .addOption(versionOption())
    .addOption(new Option("--operation <operation>", "judge as a new VM or as an edit").choices(["create", "update"]).default("create"))
    .option("--strict", "warnings fail too", false)
    .addOption(pluginOption())
    .addOption(outputOption())
    .addHelpText(
      "after",
      "\nExamples:\n  netbind validate -f vm.yaml -f kubevirt.yaml\n  kustomize build . | netbind validate -f -\n  helm template . | netbind validate --strict --kubevirt-version 1.6 -o json -f -\n",
    );
  judge.action((options) => {
    requireFiles(judge, [...options.filename, ...options.admin]);
    return act(options.output, async () => (await import("./commands/validate.ts")).validate(options, services));
  });
  const draw = program
    .command("render")
    .description("print the launcher pods of VMs as a cluster would create them, as far as networking has a say in them")
    .addOption(fileOption())
    .addOption(adminOption())
    .addOption(versionOption())
    .addOption(
      new Option("--image-fallback <policy>", "what serves a binding that is not registered")
        .choices(["Always", "SlirpOnly", "Never"])
        .default("Always"),
    )
    .addOption(pluginOption())
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind render -f vm.yaml -f kubevirt.yaml\n${EXIT_HELP}`);
  draw.action((options) => {
    requireFiles(draw, [...options.filename, ...options.admin]);
    return act(options.output, async () => (await import("./commands/render.ts")).render(options, await services()));
  });
  program
    .command("explain")
    .description("say what a rule, a binding or a field means; all of them where none is named")
    .argument("[word]", "a rule's id, a binding's name, or the end of a field's path")
    .addOption(pluginOption())
    .addOption(outputOption())
    .addHelpText(
      "after",
      "\nExamples:\n  netbind explain BIND-2\n  netbind explain masquerade\n  netbind explain macAddress\n  netbind explain routed-tap --plugin routed-tap=routed-tap.mjs\n",
    )
    .action((word: string | undefined, options) =>
      act(options.output, async () => (await import("./commands/explain.ts")).explain(word, options, services)),
    );
  const migrate = program
    .command("migrate-vms")
    .description("write slirp: {}, passt: {} and macvtap: {} of VMs as binding plugins, and show how")
    .addOption(fileOption())
    .option("--write", "change the files", false)
    .addOption(outputOption())
    .addHelpText(
      "after",
      "\nExamples:\n  netbind migrate-vms -f vm.yaml\n  netbind migrate-vms --write -f a.yaml -f b.yaml\n  netbind migrate-vms -f - < vm.yaml\n",
    );
  migrate.action((options) => {
    requireFiles(migrate, options.filename);
    return act(options.output, async () => (await import("./commands/migrate-vms.ts")).migrateVms(options));
  });
}
