/** Starts the control plane of a test cluster: etcd and Kubernetes' servers, in namespaces of their own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { unpackDebian } from "../build/debian-programs.ts";
import { API_PORT, API_SERVICE, CONTROL_PLANE } from "./addresses.ts";
import { Authority } from "./certificates.ts";
import type { ClusterDirectory, ClusterSettings } from "./cluster-directory.ts";
import { planControlPlane } from "./control-plane-plan.ts";
import { heard } from "./heard.ts";
import { type Holder, holderOf, OWN_NAMESPACES } from "./holder.ts";
import { linkKubernetes } from "./kubernetes.ts";

const MAIN = fileURLToPath(new URL("control-plane-main.ts", import.meta.url));

/** A control plane that runs. */
export interface ControlPlane {
  /** Its network namespace has the nodes' network. */
  readonly holder: Holder;
  /** The API server's URL, for this machine. */
  readonly server: string;
}

/** The servers' names and addresses, in the cluster and on this machine. */
const SERVES = [
  ...["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"].map((name) => `DNS:${name}`),
  ...["127.0.0.1", ...Object.values(CONTROL_PLANE), ...Object.values(API_SERVICE)].map((address) => `IP:${address}`),
];

/** Certifies every part of the control plane, and writes the kubeconfigs of those that are clients. */
async function certify(directory: ClusterDirectory): Promise<Authority> {
  const pki = await Authority.in(directory.certificates);
  pki.makeTokenKeys();
  const clients = {
    admin: { name: "admin", group: "system:masters" },
    "apiserver-kubelet-client": { name: "kube-apiserver-kubelet-client", group: "system:masters" },
    "controller-manager": { name: "system:kube-controller-manager" },
    scheduler: { name: "system:kube-scheduler" },
    "kube-proxy": { name: "system:kube-proxy" },
  };
  await Promise.all([
    pki.issue("apiserver", { name: "kube-apiserver", serves: SERVES }),
    ...Object.entries(clients).map(([file, subject]) => pki.issue(file, subject)),
  ]);
  for (const name of ["controller-manager", "scheduler", "kube-proxy"])
    pki.writeKubeconfig(directory.file(`${name}.kubeconfig`), `https://${CONTROL_PLANE.ipv4}:${API_PORT}`, name);
  return pki;
}

/** Listens on this machine's loopback, at a port that is free. */
async function listen(): Promise<Server> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/**
 * Starts a control plane. `onStart` records what holds it: with the starter, before that is done, it ends.
 *
 * @throws Error where a program of it ends or is not ready in two minutes
 */
export async function startControlPlane(
  directory: ClusterDirectory,
  settings: ClusterSettings,
  onStart: (plane: ControlPlane) => void,
): Promise<void> {
  linkKubernetes(settings.release, directory.programs);
  const programs = {
    etcd: join(await unpackDebian("etcd-server"), "usr/bin/etcd"),
    registry: join(await unpackDebian("docker-registry"), "usr/bin/docker-registry"),
  };
  const pki = await certify(directory);
  const plan = directory.file("control-plane.json");
  writeFileSync(plan, JSON.stringify(planControlPlane(directory, pki, settings, programs)));
  const port = await listen();
  const server = `https://127.0.0.1:${(port.address() as AddressInfo).port}`;
  pki.writeKubeconfig(directory.kubeconfig, server, "admin");
  const log = join(directory.logs, "control-plane.log");
  const output = openSync(log, "a", 0o600);
  const [file = "", ...args] = [...OWN_NAMESPACES, process.execPath, MAIN, plan];
  const child = spawn(file, args, { stdio: ["ignore", output, output, "ipc"], detached: true });
  try {
    await heard(child, "the control plane", log);
    onStart({ holder: holderOf(child.pid ?? 0), server });
    const forwarding = heard(child, "the control plane", log);
    child.send("forward", port);
    await forwarding;
  } finally {
    port.close();
    if (child.connected) child.disconnect();
    child.unref();
  }
}
