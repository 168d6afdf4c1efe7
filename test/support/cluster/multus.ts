/** multus on a test cluster: a program built here, and what it may ask the API server for. */
import { existsSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildGoTool } from "../build/go-tools.ts";
import { API_PORT, CONTROL_PLANE } from "./addresses.ts";
import type { ApiServer } from "./api-server.ts";
import type { Authority } from "./certificates.ts";
import type { ClusterDirectory } from "./cluster-directory.ts";

/** The user that multus asks as. */
const USER = "multus";
const PLUGINS = "/usr/lib/cni";
/** Play the plugins of macvtap-cni and sriov-cni, which no registry has. */
const PLAYED = { macvtap: "macvtap-cni", sriov: "sriov-cni" } as const;

const RBAC = "rbac.authorization.k8s.io";
const ROLE = {
  apiVersion: `${RBAC}/v1`,
  kind: "ClusterRole",
  metadata: { name: USER },
  rules: [
    { apiGroups: ["k8s.cni.cncf.io"], resources: ["network-attachment-definitions"], verbs: ["get"] },
    { apiGroups: [""], resources: ["pods"], verbs: ["get"] },
    { apiGroups: [""], resources: ["pods/status"], verbs: ["update", "patch"] },
    { apiGroups: ["", "events.k8s.io"], resources: ["events"], verbs: ["create", "patch", "update"] },
  ],
};
const BINDING = {
  apiVersion: `${RBAC}/v1`,
  kind: "ClusterRoleBinding",
  metadata: { name: USER },
  roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: USER },
  subjects: [{ kind: "User", name: USER }],
};

/** Where the nodes of a cluster with multus have their CNI plugins. */
export const pluginsOf = (directory: ClusterDirectory): string => directory.file("cni-plugins");

/** Builds multus, and puts it where nodes find it: with the other plugins, and credentials of its own. */
export async function prepareMultus(directory: ClusterDirectory, pki: Authority): Promise<void> {
  const announce = (): void => console.error("netbind: building multus: once, about a minute of two processors");
  const programs: Readonly<Record<string, string>> = {
    ...Object.fromEntries(readdirSync(PLUGINS).map((name) => [name, join(PLUGINS, name)])),
    multus: buildGoTool("multus", { options: ["-ldflags", "-s -w"], prefix: ["nice", "-n", "10"], onBuild: announce }),
    ...Object.fromEntries(
      Object.entries(PLAYED).map(([name, file]) => [name, fileURLToPath(new URL(file, import.meta.url))]),
    ),
  };
  const plugins = pluginsOf(directory);
  if (!existsSync(plugins)) mkdirSync(plugins);
  for (const [name, program] of Object.entries(programs)) symlinkSync(program, join(plugins, name));
  await pki.issue(USER, { name: USER });
  pki.writeKubeconfig(directory.file("multus.kubeconfig"), `https://${CONTROL_PLANE.ipv4}:${API_PORT}`, USER);
}

/** Lets multus ask the API server. */
export const allowMultus = (api: ApiServer): Promise<void> => api.apply(ROLE, BINDING);

/**
 * The configuration of multus on a node. The pods' network is in it, and not a list of plugins elsewhere: what multus
 * keeps of a list has no addresses to give back when a pod goes.
 */
export const multusConfig = (directory: ClusterDirectory, work: string, network: object): object => ({
  cniVersion: "1.0.0",
  name: "multus",
  type: "multus",
  kubeconfig: directory.file("multus.kubeconfig"),
  confDir: join(work, "multus-networks"),
  binDir: pluginsOf(directory),
  cniDir: "/run/multus",
  logFile: join(directory.logs, "multus.log"),
  logLevel: "error",
  delegates: [network],
});
