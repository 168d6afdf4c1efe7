import type { NetworkAttachmentDefinition } from "../api.ts";

/** One plugin of a CNI network configuration list, as its author wrote it. */
export type CniPluginConfig = Readonly<Record<string, unknown>> & { readonly type: string };

/** A CNI network configuration list (CNI specification 1.0.0, section 1). */
export interface CniConfigList {
  readonly cniVersion: string;
  readonly name: string;
  readonly plugins: readonly CniPluginConfig[];
}

/** A name of a plugin's executable: no path, and no directory. */
const PLUGIN_TYPE = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$/;
/** A network's name (CNI specification 1.0.0, section 1): plugins make paths of it. */
const NETWORK_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$/;
/** The first version whose plugins hand results on to the next of their list. */
const DEFAULT_VERSION = "0.3.1";

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  value !== null && typeof value === "object" && !Array.isArray(value);
const isPlugin = (value: unknown): value is CniPluginConfig =>
  isObject(value) && typeof value["type"] === "string" && PLUGIN_TYPE.test(value["type"]);

/** A configuration, or a sentence that says why it is not valid. */
export type ReadConfig = { readonly config: CniConfigList } | { readonly problem: string };

/** Reads a network configuration: a list, or one plugin alone; `name` is taken where it names itself none. */
export function readCniConfig(value: unknown, name: string): ReadConfig {
  if (!isObject(value)) return { problem: "it is not an object" };
  const { plugins, cniVersion = DEFAULT_VERSION } = value;
  if (typeof cniVersion !== "string") return { problem: "cniVersion is not a string" };
  const own = typeof value["name"] === "string" && value["name"] !== "" ? value["name"] : name;
  if (!NETWORK_NAME.test(own)) {
    return {
      problem: `${JSON.stringify(own)} is not a valid network name: CNI takes letters, digits, _, . and -, a letter or digit first`,
    };
  }
  if (plugins === undefined) {
    return isPlugin(value)
      ? { config: { cniVersion, name: own, plugins: [value] } }
      : { problem: "it has neither plugins nor the type of one" };
  }
  if (!Array.isArray(plugins) || plugins.length === 0)
    return { problem: "plugins is not a list of at least one plugin" };
  const wrong = plugins.findIndex((plugin) => !isPlugin(plugin));
  if (wrong !== -1) return { problem: `plugins[${wrong}] has no type that names a CNI plugin` };
  return { config: { cniVersion, name: own, plugins: plugins as readonly CniPluginConfig[] } };
}

/** Reads the configuration that a definition holds as JSON text. */
export function nadConfig({ metadata, spec }: NetworkAttachmentDefinition): ReadConfig {
  const text = spec?.config ?? "";
  if (text.trim() === "")
    return { problem: "it has no spec.config, and a single machine has no directory of CNI configurations" };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { problem: `spec.config is not valid JSON: ${(error as Error).message}` };
  }
  const read = readCniConfig(value, metadata.name);
  return "problem" in read ? { problem: `spec.config: ${read.problem}` } : read;
}
