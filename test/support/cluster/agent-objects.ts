/** The node agent as its manifests install it: with its role, bound to its service account, as a DaemonSet. */
import { readFileSync } from "node:fs";
import type { ApiServer } from "./api-server.ts";

/** The agent's own default, which the manifest keeps. */
export const AGENT_STATE = "/run/netbind-agent";
const IN_NAMESPACE = ["--namespace=netbind", "daemonset/netbind-agent"] as const;
/** What the manifest has in the image's place. */
const PLACEHOLDER = '"IMAGE"';

const manifest = (name: string): string =>
  readFileSync(new URL(`../../../core/agent/manifests/${name}`, import.meta.url), "utf8");

/** Installs the agent of an image, and waits until it runs on each node. */
export async function installAgent(api: ApiServer, image: string): Promise<void> {
  const text = manifest("daemon-set.json").replace(PLACEHOLDER, JSON.stringify(image));
  const { items } = JSON.parse(text) as { readonly items: readonly object[] };
  await api.apply(JSON.parse(manifest("cluster-role.json")) as object, ...items);
  await api.kubectl(["rollout", "status", ...IN_NAMESPACE, "--timeout=55s"]);
}

/** What the agent has logged so far. */
export const agentLog = (api: ApiServer): Promise<string> => api.kubectl(["logs", ...IN_NAMESPACE]);
