import { BindingError } from "@netbind/contract";
import { type KubevirtMinor, NEWEST_KUBEVIRT, parseVersion } from "@netbind/engine";
import { Command, CommanderError, Option } from "commander";
import { EXIT, EXIT_HELP, exitCodeOf } from "./exit-codes.ts";
import { type OutputFormat, printJson, tell } from "./output.ts";
import { type Act, addNicCommands } from "./program-nics.ts";
import type { Services } from "./services.ts";
import { InputError, showViolations } from "./violations.ts";

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];
/** Reads `NAME=FILE`. */
const plugin = (value: string, before: Readonly<Record<string, string>>): Readonly<Record<string, string>> => {
  const at = value.indexOf("=");
  if (at <= 0 || at === value.length - 1)
    throw new CommanderError(EXIT.usage, "netbind.plugin", `error: ${JSON.stringify(value)} is not NAME=FILE`);
  return { ...before, [value.slice(0, at)]: value.slice(at + 1) };
};
const outputOption = (): Option =>
  new Option("-o, --output <format>", "how the result is printed").choices(["text", "json"]).default("text");
const fileOption = (): Option =>
  new Option(
    "-f, --filename <file>",
    "a file with VMs, a KubeVirt CR, NetworkAttachmentDefinitions, Secrets, ConfigMaps, in any order; - is standard input; may be repeated",
  )
    .argParser(collect)
    .default([] as readonly string[])
    .makeOptionMandatory();

const seconds = (text: string): number => {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0)
    throw new CommanderError(EXIT.usage, "netbind.seconds", `error: ${JSON.stringify(text)} is no number of seconds`);
  return value;
};

const kubevirtVersion = (text: string): KubevirtMinor => {
  const version = parseVersion(text);
  if (version === undefined)
    throw new CommanderError(EXIT.usage, "netbind.version", `error: ${JSON.stringify(text)} is no version of KubeVirt from 1.1 to 1.9`);
  return version;
};
const versionOption = (): Option =>
  new Option("--kubevirt-version <version>", "the KubeVirt whose rules are asked: 1.1 to 1.9")
    .argParser(kubevirtVersion)
    .default(NEWEST_KUBEVIRT, "1.9");

/** A command's part that may fail: its result is the exit code. */
type Action = () => number | Promise<number>;

/** Tells what went wrong, in the form that was asked for. */
function tellFailure(error: unknown, format: OutputFormat): number {
  const code = exitCodeOf(error);
  const reason = error instanceof BindingError ? { code: error.code, hint: error.hint } : {};
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof InputError) process.stderr.write(showViolations(error.violations));
  tell(error instanceof BindingError ? `[${error.code}] ${message}\n    ${error.hint}` : message);
  if (format === "json")
    printJson({
      error: {
        message,
        ...reason,
        ...(error instanceof Error && "violations" in error ? { violations: error.violations } : {}),
      },
    });
  return code;
}

/**
 * The `netbind` command. Gives the exit code. Each command's code is loaded where it is wanted: what only judges a file does
 * not wait for all that starts VMs.
 */
export function buildProgram(services: Services): (args: readonly string[]) => Promise<number> {
  let exitCode: number = EXIT.ok;
  const act = async (format: OutputFormat, action: Action): Promise<void> => {
    try {
      exitCode = await action();
    } catch (error) {
      exitCode = tellFailure(error, format);
    }
  };
  const program = new Command("netbind")
    .description("Attaches virtual machines to networks, by KubeVirt's network bindings, on one machine.")
    .addHelpText("after", EXIT_HELP);
  addRun(program, services, act);
  addPlan(program, services, act);
  addVmCommands(program, services, act);
  addNicCommands(program, services, act, { output: outputOption, files: fileOption, seconds });
  addJudging(program, services, act);
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

function requireFiles(command: Command, files: readonly string[]): void {
  if (files.length === 0) command.error("error: name at least one file with -f", { exitCode: EXIT.usage });
}

function addRun(program: Command, services: Services, act: Act): void {
  const command = program
    .command("run")
    .description("start VMs and stay until they end; Ctrl-C stops them")
    .addOption(fileOption())
    .option("--keep", "return once the VM runs, and leave it running", false)
    .option(
      "--pod-network <file>",
      "a CNI configuration list for the pod network, instead of a bridge with 10.244.0.0/24 and fd10:244::/64",
    )
    .addOption(
      new Option("--plugin <name=file>", "the bundle that serves as a binding's sidecar image on this machine; may be repeated")
        .argParser(plugin)
        .default({} as Readonly<Record<string, string>>),
    )
    .option("--wait <seconds>", "how long to wait for the guest's address before the report", seconds, 120)
    .addOption(outputOption())
    .addHelpText(
      "after",
      "\nExamples:\n  netbind run -f vm.yaml\n  netbind run -f vm.yaml -f kubevirt.yaml --keep\n  netbind run -f vm.yaml --plugin routed-tap=routed-tap.mjs\n  kustomize build . | netbind run -f -\n" +
        EXIT_HELP,
    );
  command.action((options) => {
    requireFiles(command, options.filename);
    return act(options.output, async () => (await import("./commands/run.ts")).run(options, await services()));
  });
}

function addPlan(program: Command, services: Services, act: Act): void {
  const command = program
    .command("plan")
    .description("print what run would do, without touching anything")
    .addOption(fileOption())
    .addOption(
      new Option(
        "--pod-link <file>",
        "a link of the pod as JSON: name, mac, mtu, addresses, routes; may be repeated; a link that is not given is assumed, and marked so",
      )
        .argParser(collect)
        .default([] as readonly string[]),
    )
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind plan -f vm.yaml\n  netbind plan -f vm.yaml --pod-link eth0.json -o json\n${EXIT_HELP}`);
  command.action((options) => {
    requireFiles(command, options.filename);
    return act(options.output, async () => (await import("./commands/plan.ts")).plan(options, await services()));
  });
}

function addVmCommands(program: Command, services: Services, act: Act): void {
  program
    .command("status")
    .description("show the VMs on this machine, or one with its NICs and processes")
    .argument("[vm]", "[namespace/]name")
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind status\n  netbind status default/vm -o json\n${EXIT_HELP}`)
    .action((name: string | undefined, options) =>
      act(options.output, async () => (await import("./commands/vms.ts")).status(name, options.output, await services())),
    );
  program
    .command("stop")
    .description("stop VMs, and remove all that was made for them")
    .argument("<vm...>", "[namespace/]name")
    .option("--force", "do not ask the guest first", false)
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind stop vm\n  netbind stop --force default/vm other/vm\n${EXIT_HELP}`)
    .action((names: string[], options) =>
      act(options.output, async () => (await import("./commands/vms.ts")).stop(names, options, await services())),
    );
  program
    .command("check")
    .description("show how VMs differ from what was recorded of them; exit code 1 where one does")
    .argument("[vm...]", "[namespace/]name; all VMs where none is named")
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind check\n  netbind check default/vm -o json\n${EXIT_HELP}`)
    .action((names: string[], options) =>
      act(options.output, async () => (await import("./commands/vms.ts")).check(names, options.output, await services())),
    );
  program
    .command("apply")
    .description("repair what check shows, and touch nothing else")
    .argument("[vm...]", "[namespace/]name; all VMs where none is named")
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind apply\n  netbind apply default/vm\n${EXIT_HELP}`)
    .action((names: string[], options) =>
      act(options.output, async () => (await import("./commands/vms.ts")).apply(names, options.output, await services())),
    );
  program
    .command("migrate")
    .description("move a running VM to a second pod on this machine, live; its guest runs on")
    .argument("<vm>", "[namespace/]name")
    .option("--wait <seconds>", "how long to wait for the guest's addresses before the report", seconds, 10)
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind migrate vm\n  netbind migrate default/vm -o json\n${EXIT_HELP}`)
    .action((name: string, options) =>
      act(options.output, async () => (await import("./commands/migrate.ts")).migrate(name, options, await services())),
    );
  program
    .command("gc")
    .description("remove what no living VM owns")
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind gc\n${EXIT_HELP}`)
    .action((options) => act(options.output, async () => (await import("./commands/vms.ts")).gc(options.output, await services())));
  program
    .command("console")
    .description("connect to a guest's serial console; Ctrl-] leaves it")
    .argument("<vm>", "[namespace/]name")
    .addHelpText("after", `\nExamples:\n  netbind console vm\n  echo 'ip addr' | netbind console vm\n${EXIT_HELP}`)
    .action((name: string) => act("text", async () => (await import("./commands/vms.ts")).console(name, await services())));
}

function addJudging(program: Command, services: Services, act: Act): void {
  const judge = program
    .command("validate")
    .description("say what a cluster will say of VMs, and what comes of what it does not say; exit code 1 where it refuses one")
    .addOption(fileOption())
    .addOption(versionOption())
    .addOption(new Option("--operation <operation>", "judge as a new VM or as an edit").choices(["create", "update"]).default("create"))
    .option("--strict", "warnings fail too", false)
    .addOption(outputOption())
    .addHelpText(
      "after",
      "\nExamples:\n  netbind validate -f vm.yaml -f kubevirt.yaml\n  kustomize build . | netbind validate -f -\n  helm template . | netbind validate --strict --kubevirt-version 1.6 -o json -f -\n",
    );
  judge.action((options) => {
    requireFiles(judge, options.filename);
    return act(options.output, async () => (await import("./commands/validate.ts")).validate(options));
  });
  const draw = program
    .command("render")
    .description("print the launcher pods of VMs as a cluster would create them, as far as networking has a say in them")
    .addOption(fileOption())
    .addOption(versionOption())
    .addOption(
      new Option("--image-fallback <policy>", "what serves a binding that is not registered")
        .choices(["Always", "SlirpOnly", "Never"])
        .default("Always"),
    )
    .addOption(outputOption())
    .addHelpText("after", `\nExamples:\n  netbind render -f vm.yaml -f kubevirt.yaml\n${EXIT_HELP}`);
  draw.action((options) => {
    requireFiles(draw, options.filename);
    return act(options.output, async () => (await import("./commands/render.ts")).render(options, await services()));
  });
  program
    .command("explain")
    .description("say what a rule, a binding or a field means; all of them where none is named")
    .argument("[word]", "a rule's id, a binding's name, or the end of a field's path")
    .addOption(outputOption())
    .addHelpText("after", "\nExamples:\n  netbind explain BIND-2\n  netbind explain masquerade\n  netbind explain macAddress\n")
    .action((word: string | undefined, options) =>
      act(options.output, async () => (await import("./commands/explain.ts")).explain(word, options.output)),
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
