import { Command, CommanderError, Help, type Option } from "commander";
import { addApply } from "./commands/apply.ts";
import { addAttachNic } from "./commands/attach-nic.ts";
import { addCheck } from "./commands/check.ts";
import { addCompletion } from "./commands/completion.ts";
import { addConsole } from "./commands/console.ts";
import { addConvert } from "./commands/convert.ts";
import { addDetachNic } from "./commands/detach-nic.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addExitCodes } from "./commands/exit-codes.ts";
import { addExplain } from "./commands/explain.ts";
import { addGc } from "./commands/gc.ts";
import { addLink } from "./commands/link.ts";
import { addMigrate } from "./commands/migrate.ts";
import { addPlan } from "./commands/plan.ts";
import { addRender } from "./commands/render.ts";
import { addRun } from "./commands/run.ts";
import { addStatus } from "./commands/status.ts";
import { addStop } from "./commands/stop.ts";
import { addValidate } from "./commands/validate.ts";
import { type Act, type CalledAs, type CommandContext, inWordsOf } from "./commands/command-context.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import { RootError } from "./errors.ts";
import { failureJson, printError } from "./failure.ts";
import { printData, printUsage, type ReportFormat } from "./output.ts";
import type { Compose } from "./tokens.ts";
import { netbindVersion } from "./version.ts";

/** What adds a command, by the name that it is called by. */
type Adders = Readonly<Record<string, (context: CommandContext) => void>>;

/** The commands, in the groups and the order that help shows them in. */
const COMMANDS: readonly (readonly [string, Adders])[] = [
  [
    "Run VMs on this machine (root):",
    { run: addRun, status: addStatus, stop: addStop, migrate: addMigrate, console: addConsole },
  ],
  ["Check and repair what runs (root):", { check: addCheck, apply: addApply, gc: addGc }],
  [
    "Change the NICs of a running VM (root):",
    { "attach-nic": addAttachNic, "detach-nic": addDetachNic, link: addLink },
  ],
  [
    "Check VM documents, without starting anything:",
    { plan: addPlan, validate: addValidate, render: addRender, explain: addExplain, convert: addConvert },
  ],
  ["Look at a cluster, without changing it:", { doctor: addDoctor }],
  ["Other:", { completion: addCompletion }],
];

/** Prints what went wrong, in the output format. */
async function printFailure(error: unknown, format: ReportFormat): Promise<number> {
  printError(error);
  if (format === "json" || format === "yaml") printData({ error: failureJson(error) }, format);
  else if (format !== "text") (await import("./documents/print-report.ts")).printFailedReport(error, format);
  return exitCodeOf(error);
}

/** What is done by root alone: to another user it says so, instead of what the first system call says. */
const rootOnly =
  (program: Command, act: Act): Act =>
  (format, action) =>
    act(format, () => {
      if (process.getuid?.() !== 0) throw new RootError(program.args[0] ?? "");
      return action();
    });

/** Describes an option without the defaults that say nothing: off, and an empty list. */
function describeOption(this: Help, option: Option): string {
  return Help.prototype.optionDescription.call(this, option).replace(/ \(default: (?:false|\[\]|\{\}|none)\)$/, "");
}

/**
 * The command's tree: all commands with their options, whose actions `act` runs. Where `called` is the name of one, the others
 * are left out: what they take costs as much as reading a file does.
 */
export function createProgram(
  compose: Compose,
  act: Act,
  {
    calledAs = "netbind",
    called,
  }: { readonly calledAs?: CalledAs | undefined; readonly called?: string | undefined } = {},
): Command {
  const program = new Command(calledAs)
    .description(
      "Run KubeVirt VMs on one machine, on their networks, without a cluster; check VMs against KubeVirt's rules; find out what is wrong in a cluster.",
    )
    .configureOutput({
      writeOut: (text) => printUsage(inWordsOf(calledAs, text), process.stdout),
      writeErr: (text) => printUsage(inWordsOf(calledAs, text), process.stderr),
    })
    .version(netbindVersion(), "-V, --version", "print the version of netbind")
    .configureHelp({ optionDescription: describeOption })
    .addHelpText("after", "\nExit codes: netbind help exit-codes. Rules, bindings and error codes: netbind explain.");
  const isOne = called !== undefined && COMMANDS.some(([, adders]) => Object.hasOwn(adders, called));
  for (const [heading, adders] of COMMANDS) {
    program.commandsGroup(heading);
    const isRoot = heading.includes("(root)");
    const context = { program, compose, act: isRoot ? rootOnly(program, act) : act, calledAs };
    for (const [name, add] of Object.entries(adders)) if (!isOne || name === called) add(context);
  }
  addExitCodes({ program, compose, act, calledAs });
  for (const command of commandsOf(program)) command.exitOverride();
  return program;
}

/** A command, and all below it. */
export const commandsOf = (command: Command): readonly Command[] => [command, ...command.commands.flatMap(commandsOf)];

/**
 * The `netbind` command. Gives the exit code. Each command's code is loaded where it is wanted: what only validates a file does
 * not wait for all that starts VMs.
 */
export function buildProgram(compose: Compose, calledAs?: CalledAs): (args: readonly string[]) => Promise<number> {
  let exitCode: number = EXIT.ok;
  const act: Act = async (format, action) => {
    try {
      exitCode = await action();
    } catch (error) {
      exitCode = await printFailure(error, format);
    }
  };
  return async (args) => {
    try {
      await createProgram(compose, act, { calledAs, called: args[0] }).parseAsync([...args], { from: "user" });
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    }
    return exitCode;
  };
}
