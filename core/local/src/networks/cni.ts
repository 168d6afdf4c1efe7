import { existsSync } from "node:fs";
import { join } from "node:path";
import { defined } from "@netbind/contract";
import type { CniPluginConfig } from "@netbind/kubevirt/pod";
import { CommandError, inNetns, type Exec, withWritableSysctls } from "@netbind/netns";
import type { CniAttachment } from "../record/local-pod-record.ts";
import { isNetns } from "../node/node-netns.ts";
import type { CniCall, DeviceNode, EmulatedCniPlugin } from "./emulated-plugin.ts";
import { EMULATED_PLUGINS } from "./emulated-plugins.ts";
import { CniError, failedPlugin, noPlugin } from "../errors.ts";

/** Where Debian's and upstream's packages put CNI plugins. */
const PLUGIN_DIRECTORIES = ["/opt/cni/bin", "/usr/lib/cni"] as const;
const DEADLINE = 60_000;

const pathOf = (type: string): string | undefined =>
  /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(type)
    ? PLUGIN_DIRECTORIES.map((directory) => join(directory, type)).find(existsSync)
    : undefined;

/** What is in the way of calling a plugin; undefined: nothing. */
export const missingPlugin = (type: string): string | undefined =>
  EMULATED_PLUGINS.has(type) || pathOf(type) !== undefined
    ? undefined
    : `no CNI plugin "${type}" is in ${PLUGIN_DIRECTORIES.join(" or ")}: install it there`;

function findPlugin(type: string): string {
  const found = pathOf(type);
  if (found === undefined) throw noPlugin(type, missingPlugin(type));
  return found;
}

const explain = (type: string, verb: string, error: unknown): CniError =>
  failedPlugin(type, verb, {
    said: error instanceof CommandError && error.stderr !== "" ? error.stderr.trim() : (error as Error).message,
    cause: error,
  });

/** Where plugins are called. */
export interface CniContext {
  readonly exec: Exec;
  /** Path of the node's namespace: plugins work on the node's side. */
  readonly node: string;
  /** Path of the pod's namespace; empty where it is gone. */
  readonly netns: string;
}

interface Call {
  readonly verb: "ADD" | "DEL";
  readonly at: number;
  readonly previous: unknown;
}

/** A plugin's part of the list, with what the runtime adds to it (CNI specification 1.0.0, section 3; multus' devices). */
function configOf({ config, mac, cniArgs, device }: CniAttachment, { at, previous }: Call): CniPluginConfig {
  const plugin = config.plugins[at] as CniPluginConfig;
  const takesMac =
    (plugin["capabilities"] as { readonly mac?: unknown } | undefined)?.mac === true && mac !== undefined;
  const first = at === 0;
  return {
    ...plugin,
    cniVersion: config.cniVersion,
    name: config.name,
    ...(takesMac ? { runtimeConfig: { mac } } : {}),
    ...(first && device !== undefined ? { deviceID: device.id, pciBusID: device.id } : {}),
    ...(first && cniArgs !== undefined ? { args: { ...(plugin["args"] as object | undefined), cni: cniArgs } } : {}),
    ...defined({ prevResult: previous }),
  };
}

/** The arguments of a call, as a host's own plugin takes it. */
const hostCall = (place: CniContext, attachment: CniAttachment, config: CniPluginConfig): CniCall => ({
  ...place,
  ifname: attachment.ifname,
  config,
  args: argsOf(attachment),
  ...defined({ device: attachment.device }),
});

const argsOf = ({ args = {}, mac }: CniAttachment): Readonly<Record<string, string>> => ({
  ...args,
  ...defined({ MAC: mac }),
});

/** The runtime's arguments in CNI's form. A value that does not fit it is left out: plugins would read another. */
const cniArgsText = (attachment: CniAttachment): string =>
  [
    "IgnoreUnknown=true",
    ...Object.entries(argsOf(attachment)).flatMap(([key, value]) =>
      /^[\w.:/-]+$/.test(value) ? [`${key}=${value}`] : [],
    ),
  ].join(";");

/** Runs a plugin of the machine's, as a runtime does (CNI specification 1.0.0, section 2). */
async function exec(
  { exec, node, netns }: CniContext,
  verb: Call["verb"],
  attachment: CniAttachment,
  config: CniPluginConfig,
): Promise<unknown> {
  const env = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: attachment.containerId,
    CNI_NETNS: netns,
    CNI_IFNAME: attachment.ifname,
    CNI_PATH: PLUGIN_DIRECTORIES.join(":"),
    CNI_ARGS: cniArgsText(attachment),
  };
  // A failing plugin prints its error object on standard output: move it to where it is read.
  const script = 'out=$("$0") && { printf %s "$out"; exit 0; }; code=$?; printf %s "$out" >&2; exit $code';
  const text = await inNetns(node, exec)(withWritableSysctls(["sh", "-c", script, findPlugin(config.type)]), {
    stdin: JSON.stringify(config),
    env,
    deadline: DEADLINE,
  });
  return text.trim() === "" ? undefined : JSON.parse(text);
}

/** Calls one plugin of the list: the machine's program, or the host itself where it plays it. */
async function call(place: CniContext, attachment: CniAttachment, one: Call): Promise<unknown> {
  const config = configOf(attachment, one);
  const own = EMULATED_PLUGINS.get(config.type);
  try {
    if (own === undefined) {
      // What a plugin made on a node that is gone went with it.
      if (one.verb === "DEL" && !isNetns(place.node)) return undefined;
      return await exec(place, one.verb, attachment, config);
    }
    const asked = hostCall(place, attachment, config);
    return one.verb === "ADD" ? await own.add(asked) : await own.del(asked);
  } catch (error) {
    throw error instanceof CniError ? error : explain(config.type, one.verb, error);
  }
}

/** Attaches the pod to a network: every plugin of the list in order, each with the result of the one before. */
export async function cniAdd(place: CniContext, attachment: CniAttachment): Promise<unknown> {
  let previous: unknown;
  for (const at of attachment.config.plugins.keys())
    previous = (await call(place, attachment, { verb: "ADD", at, previous })) ?? previous;
  return previous;
}

/** Detaches it: the list backwards, each with the recorded result. Forgiving: what is not there any more is gone already. */
export async function cniDel(place: CniContext, attachment: CniAttachment): Promise<void> {
  for (const at of [...attachment.config.plugins.keys()].reverse())
    await call(place, attachment, { verb: "DEL", at, previous: attachment.result });
}

/** What the host's own plugins of a list answer about a link that was added. */
async function askOwn<T>(
  place: CniContext,
  attachment: CniAttachment,
  ask: (plugin: EmulatedCniPlugin, asked: CniCall) => Promise<readonly T[]> | undefined,
): Promise<readonly T[]> {
  const answers: T[] = [];
  for (const [at, { type }] of attachment.config.plugins.entries()) {
    const own = EMULATED_PLUGINS.get(type);
    if (own === undefined) continue;
    const config = configOf(attachment, { verb: "ADD", at, previous: attachment.result });
    answers.push(...((await ask(own, hostCall(place, attachment, config))) ?? []));
  }
  return answers;
}

/** The device files of a link that was added. */
export const cniDeviceNodes = (place: CniContext, attachment: CniAttachment): Promise<readonly DeviceNode[]> =>
  askOwn(place, attachment, (plugin, asked) => plugin.deviceNodes(asked));

/** How the device of an attachment is not as it was set up, a sentence each. @throws Error where it cannot be seen */
export const findDeviceDrift = (place: CniContext, attachment: CniAttachment): Promise<readonly string[]> =>
  askOwn(place, attachment, (plugin, asked) => plugin.findDrift?.(asked));

/** Sets the device of an attachment up again. */
export async function repairDevice(place: CniContext, attachment: CniAttachment): Promise<void> {
  await askOwn(place, attachment, async (plugin, asked) => {
    await plugin.repair?.(asked);
    return [];
  });
}
