import { type KubevirtMinor, NEWEST_KUBEVIRT, parseVersion } from "@netbind/engine";
import { resolve } from "node:path";
import { type Command, CommanderError, Option } from "commander";
import { EXIT } from "./exit-codes.ts";
import type { OutputFormat } from "./output.ts";

/** How an action of a command, whose result is the exit code, is run and its failure told. */
export type Act = (format: OutputFormat, action: () => number | Promise<number>) => Promise<void>;

/** For an option that may be repeated. */
export const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];
/** Reads `NAME=FILE`. */
export const plugin = (value: string, before: Readonly<Record<string, string>>): Readonly<Record<string, string>> => {
  const at = value.indexOf("=");
  if (at <= 0 || at === value.length - 1)
    throw new CommanderError(EXIT.usage, "netbind.plugin", `error: ${JSON.stringify(value)} is not NAME=FILE`);
  return { ...before, [value.slice(0, at)]: value.slice(at + 1) };
};
/** `-o`. */
export const outputOption = (): Option =>
  new Option("-o, --output <format>", "how the result is printed").choices(["text", "json"]).default("text");
/** `-f`. */
export const fileOption = (): Option =>
  new Option(
    "-f, --filename <file>",
    "a file with VMs, a KubeVirt CR, NetworkAttachmentDefinitions, Secrets, ConfigMaps, in any order; - is standard input; may be repeated",
  )
    .argParser(collect)
    .default([] as readonly string[])
    .makeOptionMandatory();

/** `--host-disk`. */
export const hostDiskOption = (): Option =>
  new Option(
    "--host-disk <directory>",
    "a directory that hostDisk volumes may be in; may be repeated; without it a VM gets no file of this machine",
  )
    .argParser((value: string, before: readonly string[]) => [...before, resolve(value)])
    .default([] as readonly string[], "none");

/** Reads a number of seconds. */
export const seconds = (text: string): number => {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0)
    throw new CommanderError(EXIT.usage, "netbind.seconds", `error: ${JSON.stringify(text)} is no number of seconds`);
  return value;
};

/** Reads a version of KubeVirt. */
const kubevirtVersion = (text: string): KubevirtMinor => {
  const version = parseVersion(text);
  if (version === undefined)
    throw new CommanderError(EXIT.usage, "netbind.version", `error: ${JSON.stringify(text)} is no version of KubeVirt from 1.1 to 1.9`);
  return version;
};
/** `--kubevirt-version`. */
export const versionOption = (): Option =>
  new Option("--kubevirt-version <version>", "the KubeVirt whose rules are asked: 1.1 to 1.9")
    .argParser(kubevirtVersion)
    .default(NEWEST_KUBEVIRT, "1.9");

/** Ends with a usage error where no file is named. */
export function requireFiles(command: Command, files: readonly string[]): void {
  if (files.length === 0) command.error("error: name at least one file with -f", { exitCode: EXIT.usage });
}
