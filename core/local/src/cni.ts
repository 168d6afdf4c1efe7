import { existsSync } from "node:fs";
import { join } from "node:path";
import { CommandError, inNetns, type Run } from "@netbind/netns";
import type { CniAttachment, CniConfigList } from "./journal.ts";

/** Where Debian's and upstream's packages put CNI plugins. */
const PLUGIN_DIRECTORIES = ["/opt/cni/bin", "/usr/lib/cni"] as const;
const DEADLINE = 60_000;

/** A CNI plugin that is missing, or that refused. */
export class CniError extends Error {
  override readonly name = "CniError";
}

function findPlugin(type: string): string {
  const found = /^[A-Za-z0-9._-]+$/.test(type) ? PLUGIN_DIRECTORIES.map((directory) => join(directory, type)).find(existsSync) : undefined;
  if (found === undefined) throw new CniError(`there is no CNI plugin "${type}" in ${PLUGIN_DIRECTORIES.join(" or ")}: install it there`);
  return found;
}

/** CNI errors are JSON on the plugin's standard output, which a failed command does not give us; its standard error has them too. */
const explain = (type: string, verb: string, error: unknown): CniError =>
  new CniError(
    `CNI plugin "${type}" failed to ${verb}: ${error instanceof CommandError && error.stderr !== "" ? error.stderr.trim() : (error as Error).message}`,
    { cause: error },
  );

interface Call {
  readonly verb: "ADD" | "DEL";
  readonly attachment: CniAttachment;
  /** Path of the pod's namespace; empty where it is gone. */
  readonly netns: string;
}

/** Calls one plugin of the list, as a runtime does (CNI 1.0.0, sections 2 and 3), on the node's side. */
async function call(runOnNode: Run, { verb, attachment, netns }: Call, at: number, previous: unknown): Promise<unknown> {
  const { config, containerId, ifname } = attachment;
  const plugin = config.plugins[at] as CniConfigList["plugins"][number];
  const stdin = JSON.stringify({
    ...plugin,
    cniVersion: config.cniVersion,
    name: config.name,
    ...(previous === undefined ? {} : { prevResult: previous }),
  });
  const env = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: containerId,
    CNI_NETNS: netns,
    CNI_IFNAME: ifname,
    CNI_PATH: PLUGIN_DIRECTORIES.join(":"),
  };
  try {
    // A failing plugin prints its error object on standard output: move it to where it is read.
    const script = 'out=$("$0") && { printf %s "$out"; exit 0; }; code=$?; printf %s "$out" >&2; exit $code';
    const text = await runOnNode(["sh", "-c", script, findPlugin(plugin.type)], { stdin, env, deadline: DEADLINE });
    return text.trim() === "" ? undefined : JSON.parse(text);
  } catch (error) {
    throw error instanceof CniError ? error : explain(plugin.type, verb, error);
  }
}

/** Attaches the pod to a network: every plugin of the list in order, each with the result of the one before. */
export async function cniAdd(run: Run, nodeNetns: string, netns: string, attachment: CniAttachment): Promise<unknown> {
  let result: unknown;
  for (const at of attachment.config.plugins.keys())
    result = await call(inNetns(nodeNetns, run), { verb: "ADD", attachment, netns }, at, result);
  return result;
}

/** Detaches it: the list backwards, each with the recorded result. Forgiving: what is not there any more is gone already. */
export async function cniDel(run: Run, nodeNetns: string, netns: string, attachment: CniAttachment): Promise<void> {
  for (const at of [...attachment.config.plugins.keys()].reverse()) {
    await call(inNetns(nodeNetns, run), { verb: "DEL", attachment, netns }, at, attachment.result);
  }
}
