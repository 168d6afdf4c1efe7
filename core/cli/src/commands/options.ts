import { resolve } from "node:path";
import { formatVersion, type KubevirtMinor, NEWEST_KUBEVIRT, parseVersion } from "@netbind/kubevirt";
import { InvalidArgumentError, Option } from "commander";
import { OUTPUT_FORMATS } from "../output.ts";
import type { PluginSource, PluginSources } from "../plugins/plugin-sources.ts";

/** For an option that may be repeated. An empty text, such as a shell makes of a variable that is not set, names no file. */
export function collect(value: string, before: readonly string[]): readonly string[] {
  if (value === "") throw new InvalidArgumentError("Write the name of a file.");
  return [...before, value];
}

const SOCKET = "unix:";
/** What KubeVirt's CR may call a binding, as far as files are named by it. */
const PLUGIN_NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const NO_PLUGINS: PluginSources = new Map();

/** Reads `NAME=FILE` or `NAME=unix:SOCKET`. */
function plugin(value: string, before: PluginSources): PluginSources {
  const at = value.indexOf("=");
  const [name, path] = [value.slice(0, Math.max(at, 0)), value.slice(at + 1)];
  if (!PLUGIN_NAME.test(name) || path === "" || path === SOCKET)
    throw new InvalidArgumentError("Write NAME=FILE or NAME=unix:SOCKET.");
  if (before.has(name)) throw new InvalidArgumentError(`A plugin for ${name} is named already.`);
  const source: PluginSource = path.startsWith(SOCKET)
    ? { kind: "socket", path: path.slice(SOCKET.length) }
    : { kind: "file", path };
  return new Map([...before, [name, source]]);
}
/** `--plugin`. */
export const pluginOption = (): Option =>
  new Option(
    "--plugin <name=file|name=unix:socket>",
    "bundle of a third-party binding, or the socket of a process that serves it; repeatable",
  )
    .argParser(plugin)
    .default(NO_PLUGINS, "none");
/** `--image-fallback`. */
export const imageFallbackOption = (): Option =>
  new Option(
    "--image-fallback <policy>",
    "which bindings get this release's image when the KubeVirt CR does not register them",
  )
    .choices(["Always", "SlirpOnly", "Never"])
    .default("Always");
/** `--grants`. */
export const grantsOption = (): Option =>
  new Option(
    "--grants <file>",
    "JSON: what each registered binding may plan: linkKinds, serviceKinds, domainKinds, sysctls, capabilities; each list replaces the default one",
  );
/** `-o`. */
export const outputOption = (formats: readonly string[] = OUTPUT_FORMATS): Option =>
  new Option("-o, --output <format>", "format of the result").choices(formats).default("text");

/** Reads ids of rules, with commas; case does not count. */
function ruleList(value: string, before: readonly string[]): readonly string[] {
  const ids = value.split(",").map((id) => id.trim());
  if (ids.includes("")) throw new InvalidArgumentError("Write ids of rules with commas, such as FIELD-2,MACVTAP-1.");
  return [...before, ...ids];
}
/** `--ignore`. */
export const ignoreOption = (): Option =>
  new Option(
    "--ignore <rules>",
    "ids of rules whose warnings are counted and not shown, with commas; repeatable; a VM's annotation netbind.dev/ignore does the same for it; what KubeVirt refuses cannot be ignored",
  )
    .argParser(ruleList)
    .default([] as readonly string[]);
/** Reads a directory. An empty text, such as a shell makes of a variable that is not set, is not the current one. */
function directory(value: string, before: readonly string[]): readonly string[] {
  if (value === "") throw new InvalidArgumentError("Write a directory.");
  return [...before, resolve(value)];
}
/** `--host-disk`. */
export const hostDiskOption = (): Option =>
  new Option(
    "--host-disk <directory>",
    "a directory that hostDisk volumes and container disks in files (oci:, oci-archive:, docker-archive:) may be in; repeatable; without it a VM gets no file of this machine",
  )
    .argParser(directory)
    .default([] as readonly string[], "none");

/** Reads the name of a file. */
function file(value: string): string {
  if (value === "") throw new InvalidArgumentError("Write the name of a file.");
  return resolve(value);
}
/** `--authfile`. */
export const authFileOption = (): Option =>
  new Option(
    "--authfile <file>",
    "passwords for registries, as skopeo login --authfile writes them; without it those that skopeo login keeps for root",
  ).argParser(file);

/** Reads a number of seconds. */
export const seconds = (text: string): number => {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new InvalidArgumentError("Write a number of seconds.");
  return value;
};

/** Reads a number of days. */
export const days = (text: string): number => {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError("Write a number of days.");
  return value;
};

const NEWEST = formatVersion(NEWEST_KUBEVIRT);

/** Reads a version of KubeVirt. */
const kubevirtVersion = (text: string): KubevirtMinor => {
  const version = parseVersion(text);
  if (version === undefined) throw new InvalidArgumentError("Write a version of KubeVirt from 1.1 to 1.9.");
  return version;
};
/** `--kubevirt-version`. */
export const versionOption = (): Option =>
  new Option(
    "--kubevirt-version <version>",
    `KubeVirt version to check against: 1.1 to ${NEWEST} (default: the one in the KubeVirt CR's status, else ${NEWEST})`,
  ).argParser(kubevirtVersion);
