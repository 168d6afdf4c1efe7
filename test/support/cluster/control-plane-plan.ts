/** What a control plane runs, and how. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { API_PORT, comma, CONTROL_PLANE, REGISTRY, SERVICES } from "./addresses.ts";
import { auditOptions } from "./audit-log.ts";
import type { Authority } from "./certificates.ts";
import type { ClusterDirectory, ClusterSettings } from "./cluster-directory.ts";
import type { CommandLines } from "./program-set.ts";

/** What the first process of the control plane is told. */
export interface ControlPlanePlan {
  readonly commands: CommandLines;
  /** What the programs have in their environment beside the starter's. */
  readonly environment: Readonly<Record<string, string>>;
  /** Lines of `ip -batch` that make the nodes' network. */
  readonly network: readonly string[];
  readonly logs: string;
  /** A unix socket that takes orders. */
  readonly orders: string;
  /** Where the API server is, in the control plane's network namespace. */
  readonly host: string;
  readonly port: number;
  /** Paths of what an administrator proves itself with. */
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string };
}

const NETWORK = [
  "link set lo up",
  "link add nodes type bridge",
  "link set nodes up",
  `address add ${CONTROL_PLANE.ipv4}/24 dev nodes`,
  `address add ${CONTROL_PLANE.ipv6}/64 dev nodes nodad`,
  // Kubernetes' servers look for the interface that leads out.
  "route add default dev nodes",
  "route add ::/0 dev nodes",
];

/** An API server alone lives for one test or a few, and starts often: a third of that is Go's collection of garbage, which its memory bounds. */
const COLLECTS_SELDOM = { GOGC: "400", GOMEMLIMIT: "600MiB" };

const ETCD = "http://127.0.0.1:2379";
const ETCD_PEER = "http://127.0.0.1:2380";

/** Only this network namespace reaches it, so it needs no TLS. It need not survive the machine either. */
const etcd = (program: string, data: string): readonly string[] => [
  program,
  ...["--data-dir", data, "--unsafe-no-fsync", "--log-level", "warn"],
  ...["--listen-client-urls", ETCD, "--advertise-client-urls", ETCD],
  ...["--listen-peer-urls", ETCD_PEER, "--initial-advertise-peer-urls", ETCD_PEER],
  ...["--initial-cluster", `default=${ETCD_PEER}`],
];

/** Node authorizer and NodeRestriction as kubeadm has them. Webhooks' Services are reached at their endpoints. */
function apiServer(program: string, pki: Authority, directory: ClusterDirectory): readonly string[] {
  const file = (name: string): string => join(pki.directory, name);
  return [
    program,
    ...[`--etcd-servers=${ETCD}`, "--bind-address=0.0.0.0", `--secure-port=${API_PORT}`],
    ...[`--advertise-address=${CONTROL_PLANE.ipv4}`, `--service-cluster-ip-range=${comma(SERVICES)}`],
    ...[`--client-ca-file=${pki.caFile}`, `--cert-dir=${pki.directory}`],
    ...[`--tls-cert-file=${file("apiserver.crt")}`, `--tls-private-key-file=${file("apiserver.key")}`],
    ...[`--kubelet-client-certificate=${file("apiserver-kubelet-client.crt")}`],
    ...[`--kubelet-client-key=${file("apiserver-kubelet-client.key")}`],
    ...[`--kubelet-certificate-authority=${pki.caFile}`, "--kubelet-preferred-address-types=InternalIP"],
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${file("service-accounts.pub")}`,
    `--service-account-signing-key-file=${file("service-accounts.key")}`,
    ...["--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction"],
    ...["--enable-aggregator-routing=true", "--allow-privileged=true"],
    ...auditOptions(directory),
  ];
}

/** A component that speaks to the API server as itself, and is the only one of its kind. */
const component = (program: string, kubeconfig: string): readonly string[] => [
  program,
  ...["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"].map((name) => `--${name}=${kubeconfig}`),
  ...["--bind-address=127.0.0.1", "--leader-elect=false"],
];

function controllerManager(program: string, kubeconfig: string, pki: Authority): readonly string[] {
  return [
    ...component(program, kubeconfig),
    ...[`--root-ca-file=${pki.caFile}`, `--client-ca-file=${pki.caFile}`, `--cert-dir=${pki.directory}`],
    ...[`--cluster-signing-cert-file=${pki.caFile}`, `--cluster-signing-key-file=${pki.caKeyFile}`],
    `--service-account-private-key-file=${join(pki.directory, "service-accounts.key")}`,
    // Each node's network says itself what its pods' addresses are.
    ...["--use-service-account-credentials=true", "--allocate-node-cidrs=false"],
  ];
}

/** Programs that are not Kubernetes' own, by path. */
export interface ControlPlanePrograms {
  readonly etcd: string;
  readonly registry: string;
}

/** A registry of images for the nodes: it has what is put there, and needs no TLS in a network of its own. */
function registry(program: string, directory: ClusterDirectory): readonly string[] {
  const configuration = {
    version: "0.1",
    log: { level: "warn" },
    storage: { filesystem: { rootdirectory: directory.file("registry") } },
    http: { addr: REGISTRY },
  };
  const file = directory.file("registry.json");
  writeFileSync(file, JSON.stringify(configuration));
  return [program, "serve", file];
}

/** The whole plan: without nodes the API server alone, for nothing would run what the others make. */
export function planControlPlane(
  directory: ClusterDirectory,
  pki: Authority,
  { nodes }: ClusterSettings,
  { etcd: etcdProgram, registry: registryProgram }: ControlPlanePrograms,
): ControlPlanePlan {
  const program = (name: string): string => join(directory.programs, name);
  const kubeconfig = (name: string): string => directory.file(`${name}.kubeconfig`);
  const forNodes = (): CommandLines => ({
    "kube-controller-manager": controllerManager(
      program("kube-controller-manager"),
      kubeconfig("controller-manager"),
      pki,
    ),
    "kube-scheduler": [...component(program("kube-scheduler"), kubeconfig("scheduler")), `--cert-dir=${pki.directory}`],
    registry: registry(registryProgram, directory),
  });
  return {
    commands: {
      etcd: etcd(etcdProgram, directory.file("etcd")),
      "kube-apiserver": apiServer(program("kube-apiserver"), pki, directory),
      ...(nodes === 0 ? {} : forNodes()),
    },
    environment: nodes === 0 ? COLLECTS_SELDOM : {},
    network: NETWORK,
    logs: directory.logs,
    orders: directory.file("orders.sock"),
    host: CONTROL_PLANE.ipv4,
    port: API_PORT,
    tls: { ca: pki.caFile, ...pki.files("admin") },
  };
}
