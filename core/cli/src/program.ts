import { Command, CommanderError, Help, Option } from "commander";
import { EXIT, EXIT_HELP, exitCodeOf } from "./exit-codes.ts";
import { failureJson, tellError } from "./failure.ts";
import { type OutputFormat, printJson } from "./output.ts";
import { addJudging } from "./validation-commands.ts";
import { addNicCommands } from "./nic-commands.ts";
import {
  type Act,
  collect,
  adminOption,
  fileOption,
  grantsOption,
  hostDiskOption,
  outputOption,
  pluginOption,
  requireFiles,
  seconds,
} from "./program-options.ts";
import { addRepairCommands, addVmCommands } from "./vm-commands.ts";
import type { Compose } from "./tokens.ts";

/** Tells what went wrong, in the form that was asked for. */
function printFailure(error: unknown, format: OutputFormat): number {
  tellError(error);
  if (format === "json") printJson({ error: failureJson(error) });
  return exitCodeOf(error);
}

/** Describes an option without the defaults that say nothing: off, and an empty list. */
function describeOption(this: Help, option: Option): string {
  return Help.prototype.optionDescription.call(this, option).replace(/ \(default: (?:false|\[\])\)$/, "");
}

/**
 * The `netbind` command. Gives the exit code. Each command's code is loaded where it is wanted: what only judges a file does
 * not wait for all that starts VMs.
 */
export function buildProgram(compose: Compose): (args: readonly string[]) => Promise<number> {
  let exitCode: number = EXIT.ok;
  const act: Act = async (format, action) => {
    try {
      exitCode = await action();
    } catch (error) {
      exitCode = printFailure(error, format);
    }
  };
  const program = new Command("netbind")
    .description("Run KubeVirt VMs on one machine, on their networks, without a cluster; check VMs against KubeVirt's rules.")
    .configureHelp({ optionDescription: describeOption })
    .addHelpText("after", EXIT_HELP);
  program.commandsGroup("Run VMs on this machine (root):");
  addRun(program, compose, act);
  addVmCommands(program, compose, act);
  program.commandsGroup("Check and repair what runs (root):");
  addRepairCommands(program, compose, act);
  program.commandsGroup("Change the NICs of a running VM (root):");
  addNicCommands(program, compose, act);
  program.commandsGroup("Check VM documents, without starting anything:");
  addPlan(program, compose, act);
  addJudging(program, compose, act);
  return async (args) => {
    for (const command of [program, ...program.commands, ...program.commands.flatMap(({ commands }) => commands)]) command.exitOverride();
    try {
      await program.parseAsync([...args], { from: "user" });
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    }
    return exitCode;
  };
}

function addRun(program: Command, compose: Compose, act: Act): void {
  const command = program
    .command("run")
    .description("start VMs and wait until they end; Ctrl-C stops them")
    .addOption(fileOption())
    .addOption(adminOption())
    .option("--keep", "return when the VMs run, and leave them running", false)
    .option("--pod-network <file>", "CNI configuration list of the pod network; without it a bridge with 10.244.0.0/24 and fd10:244::/64")
    .addOption(pluginOption())
    .addOption(grantsOption())
    .addOption(hostDiskOption())
    .option("--wait <seconds>", "how long to wait for the guest's address before reporting", seconds, 120)
    .addOption(outputOption())
    .addHelpText(
      "after",
      "\nExamples:\n  netbind run -f vm.yaml\n  netbind run -f vm.yaml -f kubevirt.yaml --keep\n  netbind run -f vm.yaml --plugin routed-tap=routed-tap.mjs\n  netbind run -f vm.yaml --host-disk /var/lib/disks\n  kustomize build . | netbind run -f -\n" +
        EXIT_HELP,
    );
  command.action((options) => {
    requireFiles(command, [...options.filename, ...options.admin]);
    return act(options.output, async () => (await import("./commands/run.ts")).run(options, await compose()));
  });
}

function addPlan(program: Command, compose: Compose, act: Act): void {
  const command = program
    .command("plan")
    .description("print what run would do, and change nothing")
    .addOption(fileOption())
    .addOption(adminOption())
    .addOption(hostDiskOption())
    .addOption(
      new Option(
        "--pod-link <file>",
        "a link of the pod as JSON: name, mac, mtu, addresses, routes; repeatable; other links are assumed, and marked as assumed",
      )
        .argParser(collect)
        .default([] as readonly string[]),
    )
    .addOption(pluginOption())
    .addOption(grantsOption())
    .addOption(outputOption())
    .addHelpText(
      "after",
      `\nExamples:\n  netbind plan -f vm.yaml\n  netbind plan -f vm.yaml --pod-link eth0.json -o json\n  netbind plan -f vm.yaml --plugin routed-tap=routed-tap.mjs --grants grants.json\n${EXIT_HELP}`,
    );
  command.action((options) => {
    requireFiles(command, [...options.filename, ...options.admin]);
    return act(options.output, async () => (await import("./commands/plan.ts")).plan(options, await compose()));
  });
}
