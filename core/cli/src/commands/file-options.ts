/** The options of every command that reads documents, so that all of them take the same inputs. */
import { type Command, Option } from "commander";
import { EXIT } from "../exit-codes.ts";
import { expandFiles } from "../input/expand-files.ts";
import { collect } from "./options.ts";

/** `-f`. */
const fileOption = (): Option =>
  new Option(
    "-f, --filename <file>",
    "a file, or a directory of files, with VMs, a KubeVirt or HyperConverged CR, NetworkAttachmentDefinitions, Secrets and ConfigMaps, in any order; trusted with all of them unless --admin is given; - is standard input; repeatable",
  )
    .argParser(collect)
    .default([] as readonly string[])
    .makeOptionMandatory();

/** `-R`. */
const recursiveOption = (): Option =>
  new Option("-R, --recursive", "read the directories below a directory too").default(false);

/** `--admin`. */
const adminOption = (): Option =>
  new Option(
    "--admin <file>",
    "a file, or a directory of files, of the administrator, for VMs of untrusted authors: the KubeVirt or HyperConverged CR, NetworkAttachmentDefinitions and the ConfigMaps of device plugins come from these files only, and are refused in the files of -f; repeatable",
  )
    .argParser(collect)
    .default([] as readonly string[], "none: the files of -f are trusted with them");

/** Options of a command that reads documents. */
interface FileOptions {
  readonly filename: readonly string[];
  readonly recursive: boolean;
  /** Absent in a command that makes nothing of a cluster's objects. */
  readonly admin?: readonly string[];
}

/** Adds what names documents: files without an option behind the command's other arguments, -f, -R and, where it counts, --admin. */
export function addFileOptions(command: Command, { admin = true }: { readonly admin?: boolean } = {}): Command {
  command.argument("[files...]", "more files, as -f names them").addOption(fileOption()).addOption(recursiveOption());
  return admin ? command.addOption(adminOption()) : command;
}

/** Ends with a usage error where no file is named, or standard input is named twice. */
function requireFiles(command: Command, files: readonly string[]): void {
  if (files.filter((file) => file === "-").length > 1)
    command.error("error: standard input can be read only once", { exitCode: EXIT.usage });
  if (files.length === 0) command.error("error: name at least one file with -f", { exitCode: EXIT.usage });
}

/** A command's options with all files that are named: those of -f, then the others, and the documents of directories. */
export function withFiles<T extends FileOptions>(command: Command, options: T, files: readonly string[]): T {
  const { recursive } = options;
  const filename = expandFiles([...options.filename, ...files], recursive);
  const admin = options.admin === undefined ? undefined : expandFiles(options.admin, recursive);
  requireFiles(command, [...filename, ...(admin ?? [])]);
  return { ...options, filename, ...(admin === undefined ? {} : { admin }) };
}
